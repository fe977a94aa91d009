// Reads server-sent events (WHATWG HTML, server-sent events) from text as it comes, as far as the host uses them.

/** Takes pieces of a stream and hands out the data of each event that is complete. */
export class EventReader {
  #rest = "";
  #data: string[] = [];

  take(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    const events: string[] = [];
    for (const line of lines) {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text !== "") {
        this.#note(text);
      } else if (this.#data.length > 0) {
        events.push(this.#data.join("\n"));
        this.#data = [];
      }
    }
    return events;
  }

  /** A line that begins with a colon is a comment. What else an event says, its data say as well. */
  #note(line: string): void {
    if (line.startsWith("data:")) this.#data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
  }
}
