const filler = `x-filler: ${"x".repeat(1000)}\r\n`

// Not marked internal: public declarations refer to it.
export const bytes = {
  garbage: (): string => "this is not HTTP\r\n\r\n",
  badStatusLine: (): string => "HTTP/1.1 2xx Fine\r\ncontent-length: 0\r\n\r\n",
  badHeader: (): string => "HTTP/1.1 200 OK\r\nbad name: x\r\ncontent-length: 0\r\n\r\n",
  badChunkSize: (): string => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
  headerOverflow: (): string => `HTTP/1.1 200 OK\r\n${filler.repeat(200)}content-length: 0\r\n\r\n`
}
