/**
 * An incremental HTTP/1.1 request parser (RFC 9112): one request at a time, bodies by content-length or chunks.
 */

export interface Head {
  readonly method: string
  readonly path: string
  /** Lower-case names; repeated lines are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly keepAlive: boolean
  readonly expectsContinue: boolean
}

export interface Sink {
  readonly onHead: (head: Head) => void
  readonly onBody: (bytes: Uint8Array) => void
  readonly onEnd: () => void
  readonly onInvalid: (reason: string) => void
}

type State = "head" | "length" | "chunkSize" | "chunkData" | "chunkEnd" | "trailers" | "idle" | "invalid"

const maxHeadBytes = 65_536
const empty = Buffer.alloc(0)

export class RequestParser {
  private state: State = "head"
  private rest: Buffer = empty
  /** Bytes of the body, or of the current chunk, that have not arrived yet. */
  private remaining = 0

  constructor(private readonly sink: Sink) {}

  write(bytes: Buffer): void {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    while (this.step());
  }

  /** Continues with the next request after the end of one. Its bytes may already be here. */
  next(): void {
    this.state = "head"
    while (this.step());
  }

  private step(): boolean {
    switch (this.state) {
      case "head":
        return this.head()
      case "length":
      case "chunkData":
        return this.data()
      case "chunkSize":
        return this.line((line) => this.chunkSize(line))
      case "chunkEnd":
        return this.line((line) => line === "" ? this.to("chunkSize") : this.invalid("a chunk longer than its size"))
      case "trailers":
        return this.line((line) => line === "" ? this.end() : true)
      case "idle":
      case "invalid":
        return false
    }
  }

  private to(state: State): true {
    this.state = state
    return true
  }

  private invalid(reason: string): false {
    this.state = "invalid"
    this.rest = empty
    this.sink.onInvalid(reason)
    return false
  }

  private end(): boolean {
    this.state = "idle"
    this.sink.onEnd()
    // onEnd may have called next() already.
    return this.state !== "idle"
  }

  private line(use: (line: string) => boolean): boolean {
    const at = this.rest.indexOf("\r\n")
    if (at < 0) return this.rest.length > maxHeadBytes ? this.invalid("a line too long") : false
    const line = this.rest.toString("latin1", 0, at)
    this.rest = this.rest.subarray(at + 2)
    return use(line)
  }

  private data(): boolean {
    if (this.rest.length === 0) return false
    const bytes = this.rest.length <= this.remaining ? this.rest : this.rest.subarray(0, this.remaining)
    this.rest = this.rest.subarray(bytes.length)
    this.remaining -= bytes.length
    this.sink.onBody(bytes)
    if (this.remaining > 0) return false
    return this.state === "length" ? this.end() : this.to("chunkEnd")
  }

  private chunkSize(line: string): boolean {
    const size = line.split(";", 1)[0]!.trim()
    if (!/^[0-9a-f]{1,8}$/i.test(size)) return this.invalid("a chunk size that is not hexadecimal")
    this.remaining = parseInt(size, 16)
    return this.to(this.remaining === 0 ? "trailers" : "chunkData")
  }

  private head(): boolean {
    const at = this.rest.indexOf("\r\n\r\n")
    if (at < 0) return this.rest.length > maxHeadBytes ? this.invalid("headers too large") : false
    const head = parseHead(this.rest.toString("latin1", 0, at))
    this.rest = this.rest.subarray(at + 4)
    if (typeof head === "string") return this.invalid(head)
    const length = bodyLength(head.headers)
    if (length === undefined) return this.invalid("a content-length that is not a number")
    this.state = length === "chunked" ? "chunkSize" : "length"
    this.remaining = length === "chunked" ? 0 : length
    this.sink.onHead(head)
    return length === 0 ? this.end() : true
  }
}

const bodyLength = (headers: Readonly<Record<string, string>>): number | "chunked" | undefined => {
  if (/\bchunked$/i.test(headers["transfer-encoding"] ?? "")) return "chunked"
  const length = headers["content-length"] ?? "0"
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

const parseHead = (text: string): Head | string => {
  const lines = text.split("\r\n")
  const [method, path, version, more] = lines[0]!.split(" ")
  if (!method || !path || !/^HTTP\/1\.[01]$/.test(version ?? "") || more !== undefined) {
    return "a malformed request line"
  }
  const headers: Record<string, string> = Object.create(null)
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!
    const colon = line.indexOf(":")
    if (colon <= 0) return "a malformed header line"
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  const connection = (headers["connection"] ?? "").toLowerCase()
  return {
    method,
    path,
    headers,
    keepAlive: version === "HTTP/1.1" ? !connection.includes("close") : connection.includes("keep-alive"),
    expectsContinue: headers["expect"]?.toLowerCase() === "100-continue"
  }
}
