// Who decides what to do: a model behind a chat completions interface, or, if none is configured, a script that plays its part.
//
//     AGENT_MODEL_URL   where the interface is, up to and without /chat/completions: http://127.0.0.1:11434/v1
//     AGENT_MODEL       which model
//     AGENT_MODEL_KEY   sent as a bearer token, if it is set
//
// Another kind of model is another class with `name` and `reply`.

import type { Described } from "./toolbox.js";

export type Message = Record<string, unknown>;

export interface Call {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

export interface Reply {
  text: string;
  calls: Call[];
  /** The reply as the model wants to see it again. */
  message: Message;
}

export interface Model {
  readonly name: string;
  reply(messages: readonly Message[], tools: readonly Described[]): Promise<Reply>;
}

/** `needsSessions`: the model has to create its sessions itself. */
export function configured({ needsSessions }: { needsSessions: boolean }): Model {
  const { AGENT_MODEL_URL: url, AGENT_MODEL: model, AGENT_MODEL_KEY: key } = process.env;
  if (url && model) return new ChatModel(url, model, key);
  return new ScriptedModel(needsSessions ? [...SESSION, ...STEPS] : STEPS);
}

/** What a chat completions interface says. */
interface Completion {
  choices: [
    { message: Message & { content?: string | null; tool_calls?: { id: string; function: { name: string; arguments: string } }[] | null } },
  ];
}

/** A chat completions interface with tools, as most servers of models have it. */
class ChatModel implements Model {
  constructor(
    private readonly url: string,
    readonly name: string,
    private readonly key: string | undefined,
  ) {}

  async reply(messages: readonly Message[], tools: readonly Described[]): Promise<Reply> {
    const response = await fetch(`${this.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(this.key ? { authorization: `Bearer ${this.key}` } : {}) },
      body: JSON.stringify({ model: this.name, messages, tools: tools.map((tool) => ({ type: "function", function: tool })) }),
    });
    if (!response.ok) throw new Error(`the model answered ${response.status}: ${await response.text()}`);
    const { message } = ((await response.json()) as Completion).choices[0];
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
      id,
      name,
      arguments: JSON.parse(args || "{}") as Record<string, unknown>,
    }));
    return { text: message.content ?? "", calls, message };
  }
}

type Step = [name: string, args: Record<string, unknown>];

/** No model at all: it asks for the same tools whatever the question, and says so. It shows the loop, and lets it be tested. */
class ScriptedModel implements Model {
  readonly name = "none is configured (AGENT_MODEL_URL, AGENT_MODEL): a script plays its part, whatever you ask";
  readonly #steps: Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  async reply(messages: readonly Message[]): Promise<Reply> {
    const step = this.#steps.shift();
    const last = String(messages.at(-1)?.["content"]);
    if (step === undefined) return { text: `The script ends here. The last tool said: ${last}`, calls: [], message: {} };
    const [name, args] = step;
    return { text: "", calls: [{ id: `call-${messages.length}`, name, arguments: args }], message: {} };
  }
}

const SESSION: Step[] = [["session_create", { backend: "code" }]];

// The third step has a mistake in it, and the fourth corrects it.
const STEPS: Step[] = [
  ["rag_search", { query: "sum of an iterable", limit: 1 }],
  ["code_run", { source: "const primes = []; for (let n = 2; n < 100; n++) if (primes.every(p => n % p)) primes.push(n); primes.length" }],
  ["code_eval", { source: "prime.reduce((sum, p) => sum + p)" }],
  ["code_eval", { source: "primes.reduce((sum, p) => sum + p)" }],
];
