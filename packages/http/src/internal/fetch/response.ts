/**
 * All parts of a `Response` except its body.
 *
 * @internal
 */
export interface Head {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly url: string
  readonly redirected: boolean
  readonly type: ResponseType
}

/**
 * A response with this head and body. The constructor of `Response` takes no URL, and not every status that a server
 * sends.
 *
 * @internal
 */
export const make = (head: Head, body: ReadableStream<Uint8Array> | null): Response => {
  const { headers, redirected, status, statusText, type, url } = head
  const response = new Response(body, { headers, statusText, status: status > 199 && status < 600 ? status : 200 })
  return withHead(response, { redirected, status, type, url, ok: status > 199 && status < 300 })
}

const withHead = (response: Response, facts: Partial<Response>): Response => {
  const clone = response.clone.bind(response)
  const all = { ...facts, clone: () => withHead(clone(), facts) }
  return Object.defineProperties(
    response,
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, { value }]))
  )
}

/**
 * The response, with a body that fails with the reason of the signal when that is aborted.
 *
 * @internal
 */
export const abortable = (response: Response, signal: AbortSignal): Response => {
  const { body } = response
  return body === null ? response : make(response, streamOf(() => body, signal))
}

/**
 * A stream that opens another one at the first read. fetch releases a body if the program has not begun to read it.
 *
 * The signal ends it. The listener on the signal is removed when the stream has ended, or when it is collected.
 *
 * @internal
 */
export const streamOf = (
  open: () => ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined
): ReadableStream<Uint8Array> => new ReadableStream(new Source(open, signal), { highWaterMark: 0 })

const collected = new FinalizationRegistry<() => void>((forget) => forget())

class Source implements UnderlyingDefaultSource<Uint8Array> {
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined
  private readonly forget: () => void

  constructor(private readonly open: () => ReadableStream<Uint8Array>, signal: AbortSignal | undefined) {
    // A signal may live as long as the program.
    const weak = new WeakRef(this)
    const onAbort = () => weak.deref()?.abort(signal?.reason)
    signal?.addEventListener("abort", onAbort)
    this.forget = () => signal?.removeEventListener("abort", onAbort)
    collected.register(this, this.forget, this)
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>) {
    this.controller = controller
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
    try {
      this.reader ??= this.open().getReader()
      const { done, value } = await this.reader.read()
      if (!done) return controller.enqueue(value)
      this.end()
      controller.close()
    } catch (error) {
      this.end()
      // This does nothing if the signal has ended the stream.
      controller.error(error)
    }
  }

  cancel(reason: unknown) {
    this.end()
    return (this.reader ?? this.open()).cancel(reason)
  }

  private abort(reason: unknown) {
    this.controller?.error(reason)
    this.cancel(reason).catch(() => {})
  }

  private end() {
    this.forget()
    collected.unregister(this)
  }
}
