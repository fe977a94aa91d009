"""An agent: a loop in which a model asks for tools and is told what they answer, until it has something to say.

    python agent.py "What is the sum of the prime numbers below 100?"          # tools through Hostel's client
    python agent.py --mcp "What is the sum of the prime numbers below 100?"    # the same tools through MCP

Nothing here knows where tools come from (`toolbox.py`) or which model it is (`model.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import json

import toolbox
from model import Message, Model, configured
from toolbox import Toolbox

TURNS_MAX = 20
INSTRUCTIONS = (
    "Answer the question with the help of your tools. Compute and look up what you can, rather than remember it. "
    "A tool that fails says why: correct the call and go on."
)


async def answer(question: str, model: Model, tools: Toolbox) -> str:
    """What the model says in the end."""
    messages: list[Message] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}]
    for _ in range(TURNS_MAX):
        reply = await model.reply(messages, tools.tools)
        messages.append(reply.message)
        if not reply.calls:
            return reply.text
        for call in reply.calls:
            print(f"-> {call.name} {json.dumps(call.arguments, ensure_ascii=False)}")
            said = await tools.call(call.name, call.arguments)
            print(f"<- {said[:200]}")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    return f"(no answer after {TURNS_MAX} turns)"


async def main() -> None:
    arguments = argparse.ArgumentParser(description="An agent with Hostel's tools.")
    arguments.add_argument("question", nargs="?", default="What is the sum of the prime numbers below 100?")
    arguments.add_argument("--mcp", action="store_true", help="use the tools through MCP in place of Hostel's client")
    given = arguments.parse_args()

    tools = toolbox.through_mcp() if given.mcp else toolbox.through_hostel()
    async with tools as box:
        model = configured(needs_sessions=given.mcp)
        print(f"model: {model.name}")
        print(await answer(given.question, model, box))


if __name__ == "__main__":
    asyncio.run(main())
