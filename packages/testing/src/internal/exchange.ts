import type { Head } from "./requestParser.js"

/**
 * One request and its result: the record that users see. The server updates it.
 *
 * @internal
 */
export class Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  complete = false
  answered = false
  aborted = false
  /** Whether the server will read no more of the request. */
  settled = false
  private chunks: Array<Uint8Array> = []

  constructor(readonly index: number, readonly connection: number, readonly timeMillis: number, head: Head) {
    this.method = head.method
    this.path = head.path
    this.headers = head.headers
  }

  get body(): Uint8Array {
    if (this.chunks.length !== 1) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0]!
  }

  get text(): string {
    return new TextDecoder().decode(this.body)
  }

  push(bytes: Uint8Array): void {
    this.chunks.push(bytes)
  }
}
