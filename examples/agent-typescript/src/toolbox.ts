// Where tools come from: Hostel's client, or MCP. Both offer a list of tools and a way to call one, which answers with text for a model.
//
// A tool that says no, and a host that does, are answers as well: a model can correct itself when it is told what went wrong.

import { randomUUID } from "node:crypto";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { HostelError, Sandbox, type Session, type Tool } from "hostel-client";

const URL_OF_HOST = process.env["HOSTEL_URL"] ?? "http://127.0.0.1:18890";

/** A tool as models want it. Their names have no colon. */
export interface Described {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface Toolbox extends AsyncDisposable {
  readonly tools: Described[];
  call(name: string, args: Record<string, unknown>): Promise<string>;
}

/** The program holds the sessions, one for each backend that needs one; the model need not know of them. */
export async function throughHostel(): Promise<Toolbox> {
  const box = new Sandbox({ baseUrl: URL_OF_HOST });
  return new HostelToolbox(box, await box.tools());
}

class HostelToolbox implements Toolbox {
  readonly tools: Described[];
  readonly #box: Sandbox;
  readonly #known: Map<string, Tool>;
  readonly #sessions = new Map<string, Session>();

  constructor(box: Sandbox, tools: Tool[]) {
    this.#box = box;
    this.#known = new Map(tools.map((tool) => [tool.name.replace(":", "_"), tool]));
    this.tools = [...this.#known].map(([name, tool]) => ({ name, description: tool.description ?? "", parameters: tool.inputSchema }));
  }

  async call(name: string, args: Record<string, unknown>): Promise<string> {
    const tool = this.#known.get(name);
    if (tool === undefined) return `There is no tool ${name}.`;
    try {
      const answer = tool.stateful
        ? await (await this.#session(tool.backend)).execute(tool.tool, args)
        : await this.#box.execute(tool.name, args);
      return JSON.stringify(answer.result);
    } catch (error) {
      if (error instanceof HostelError) return `Error: ${error.code}: ${error.message}`;
      throw error;
    }
  }

  async #session(backend: string): Promise<Session> {
    // A call that takes too long takes the session back to where it was, so the model can go on.
    const session = this.#sessions.get(backend) ?? (await this.#box.session(backend, { checkpoint: "call" }));
    this.#sessions.set(backend, session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#box.close();
  }
}

/** The model holds the sessions: it finds tools with which to create and destroy them. What it leaves behind is tidied up. */
export async function throughMcp(): Promise<Toolbox> {
  // A worker of this run alone, so that "all sessions" are the model's.
  const headers = { "X-Worker-ID": `agent-${randomUUID().slice(0, 8)}` };
  const client = new Client({ name: "agent-typescript", version: "0.1.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", URL_OF_HOST), { requestInit: { headers } }));
  const { tools } = await client.listTools();
  return new McpToolbox(
    client,
    tools.map((tool) => ({ name: tool.name, description: tool.description ?? "", parameters: tool.inputSchema })),
  );
}

class McpToolbox implements Toolbox {
  readonly tools: Described[];
  readonly #client: Client;

  constructor(client: Client, tools: Described[]) {
    this.#client = client;
    this.tools = tools;
  }

  async call(name: string, args: Record<string, unknown>): Promise<string> {
    const result = await this.#client.callTool({ name, arguments: args });
    const blocks = result.content as { type: string; text?: string }[];
    const text = blocks.flatMap((block) => (block.type === "text" ? [block.text ?? ""] : [])).join("\n");
    return result.isError === true ? `Error: ${text}` : text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listed = await this.#client.callTool({ name: "session_list", arguments: {} });
    const { sessions } = listed.structuredContent as { sessions: { id: string }[] };
    for (const { id } of sessions) await this.#client.callTool({ name: "session_destroy", arguments: { session: id } });
    await this.#client.close();
  }
}
