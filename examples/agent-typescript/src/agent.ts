// An agent: a loop in which a model asks for tools and is told what they answer, until it has something to say.
//
//     npm start -- "What is the sum of the prime numbers below 100?"          # tools through Hostel's client
//     npm start -- --mcp "What is the sum of the prime numbers below 100?"    # the same tools through MCP
//
// Nothing here knows where tools come from (`toolbox.ts`) or which model it is (`model.ts`).

import { parseArgs } from "node:util";

import { configured, type Message, type Model } from "./model.js";
import { throughHostel, throughMcp, type Toolbox } from "./toolbox.js";

const TURNS_MAX = 20;
const INSTRUCTIONS =
  "Answer the question with the help of your tools. Compute and look up what you can, rather than remember it. " +
  "A tool that fails says why: correct the call and go on.";

/** What the model says in the end. */
async function answer(question: string, model: Model, toolbox: Toolbox): Promise<string> {
  const messages: Message[] = [
    { role: "system", content: INSTRUCTIONS },
    { role: "user", content: question },
  ];
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const reply = await model.reply(messages, toolbox.tools);
    messages.push(reply.message);
    if (reply.calls.length === 0) return reply.text;
    for (const call of reply.calls) {
      console.log(`-> ${call.name} ${JSON.stringify(call.arguments)}`);
      const said = await toolbox.call(call.name, call.arguments);
      console.log(`<- ${said.slice(0, 200)}`);
      messages.push({ role: "tool", tool_call_id: call.id, content: said });
    }
  }
  return `(no answer after ${TURNS_MAX} turns)`;
}

const { values, positionals } = parseArgs({ options: { mcp: { type: "boolean", default: false } }, allowPositionals: true });
const question = positionals[0] ?? "What is the sum of the prime numbers below 100?";

await using toolbox = values.mcp ? await throughMcp() : await throughHostel();
const model = configured({ needsSessions: values.mcp });
console.log(`model: ${model.name}`);
console.log(await answer(question, model, toolbox));
