/** An error with the class name and the properties that classifiers read. */
const error = (name: string, message: string, properties: Readonly<Record<string, unknown>> = {}): Error => {
  const made = Object.assign(new Error(message), properties)
  return name === "Error" ? made : Object.defineProperty(made, "name", { value: name, configurable: true })
}

const system = (code: string, errno: number, syscall: string, what: string = ""): Error =>
  error("Error", `${syscall} ${code}${what}`, { code, errno, syscall })

const at = " 127.0.0.1:80"

/** The `cause` of a `RequestError` of Effect's undici transport, as measured (Node 20.20, undici 7.30). */
export const presets = {
  connectionRefused: () => system("ECONNREFUSED", -111, "connect", at),
  hostUnreachable: () => system("EHOSTUNREACH", -113, "connect", at),
  connectTimeout: () =>
    error("ConnectTimeoutError", "Connect Timeout Error (attempted address: 127.0.0.1:80, timeout: 10000ms)", {
      code: "UND_ERR_CONNECT_TIMEOUT"
    }),
  dnsNotFound: () => system("ENOTFOUND", -3008, "getaddrinfo", " no-such-host.test"),
  dnsUnavailable: () => system("EAI_AGAIN", -3001, "getaddrinfo", " some-host.test"),
  connectionReset: () => system("ECONNRESET", -104, "read"),
  connectionClosed: () => error("SocketError", "other side closed", { code: "UND_ERR_SOCKET" }),
  timeout: () => error("HeadersTimeoutError", "Headers Timeout Error", { code: "UND_ERR_HEADERS_TIMEOUT" }),
  certificateExpired: () => error("Error", "certificate has expired", { code: "CERT_HAS_EXPIRED" }),
  certificateSelfSigned: () => error("Error", "self-signed certificate", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
  certificateWrongHost: () =>
    error("Error", "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: ", {
      code: "ERR_TLS_CERT_ALTNAME_INVALID"
    }),
  tlsProtocol: () => error("Error", "tlsv1 alert protocol version", { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" }),
  malformedResponse: () =>
    error("HTTPParserError", "Response does not match the HTTP/1.1 protocol (Expected HTTP/, RTSP/ or ICE/)"),
  headerOverflow: () => error("HeadersOverflowError", "Headers Overflow Error", { code: "UND_ERR_HEADERS_OVERFLOW" })
}
