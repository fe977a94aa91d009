// Hostel's client: tools in WebAssembly sandboxes, for agents. This file says what is public, and nothing else.

export * from "./errors.js";
export { Job } from "./job.js";
export { isLast } from "./models.js";
export type {
  Answer,
  Backend,
  Batch,
  CallSession,
  Checkpoint,
  CheckpointMode,
  Hints,
  JobEvent,
  JobInfo,
  JobState,
  JsonSchema,
  LogLine,
  Logs,
  OnIdle,
  Outcome,
  Progress,
  SessionInfo,
  SessionState,
  Tool,
  Usage,
  Warmth,
  Warmup,
} from "./models.js";
export type { CallOptions, Params } from "./asks.js";
export type { BatchCall, BatchOptions, Placed } from "./calls.js";
export { Sandbox } from "./sandbox.js";
export type { SessionOptions } from "./sandbox.js";
export { Session } from "./session.js";
export type { SandboxOptions } from "./settings.js";
