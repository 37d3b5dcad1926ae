import type { Link } from "./causeChain.js"
import type { Rule } from "./transportRule.js"

/** The start of Deno's messages about failed connections. Its errors have no codes. */
const deno = "client error \\(Connect\\): "

/**
 * The rules for failures before a request is sent: the name, the proxy, the connection and the handshake.
 *
 * @internal
 */
export const rules: ReadonlyArray<Rule> = [
  {
    code: /^EAI_AGAIN$/,
    message: new RegExp(`${deno}dns error: .*Temporary failure`),
    tag: "ConnectFailure",
    sent: "no"
  },
  {
    // EAI_FAIL too: getaddrinfo(3) calls it permanent.
    syscall: /^getaddrinfo$/,
    code: /^ENOTFOUND$/,
    // The texts of Linux, macOS and Windows.
    message: new RegExp(
      `${deno}dns error: .*(not known|No address associated|Non-recoverable|nodename nor servname|No such host)`
    ),
    tag: "HostNotFound",
    sent: "no"
  },
  {
    // OpenSSL's certificate verification (X509_V_ERR_*) as Node names it.
    code:
      /^(CERT_|CRL_|DEPTH_ZERO_|UNABLE_TO_|SELF_SIGNED_CERT|ERR_TLS_CERT_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH|UND_ERR_PRX_TLS$)/,
    message: new RegExp(`${deno}invalid peer certificate`),
    tag: "TlsFailure",
    sent: "no"
  },
  {
    code: /^(ERR_SSL_|EPROTO$)/,
    message: new RegExp(`${deno}received (corrupt message|fatal alert)`),
    tag: "TlsFailure"
  },
  {
    // A proxy that opens no tunnel, as Node and Bun, undici and its SOCKS agent say it.
    code: /^(ERR_PROXY_TUNNEL$|UND_ERR_SOCKS5)/,
    message: /^(Proxy response \(\d+\) !== 200|Proxy Authentication Required \(407\)$)/,
    only: "request",
    tag: "ConnectFailure",
    sent: "no"
  },
  {
    syscall: /^connect$/,
    code: /^(UND_ERR_CONNECT_TIMEOUT|ECONNREFUSED|ConnectionRefused|FailedToOpenSocket)$/,
    // The second text is Bun's for any address that it cannot reach.
    message: new RegExp(`before secure TLS connection was established|Was there a typo in the url or port|${deno}`),
    tag: "ConnectFailure",
    sent: "no"
  }
]

const statusOfProxy =
  /^Proxy (?:response \(|Authentication Required \(|refused to open a tunnel: )(\d{3})|HTTP\/1\.\d (\d{3})/

/** The statuses after which a proxy may open the tunnel next time, as for a server. */
const passing = /^(429|500|502|503|504)$/

/**
 * The permanent refusals of a SOCKS server: credentials, rules, and commands and addresses that it does not support.
 */
const refusedBySocks = /^UND_ERR_SOCKS5_(AUTH_|VERSION$|REPLY_([278]|VERSION)$|ADDR_TYPE$)/

/**
 * Whether a proxy refused for a permanent reason.
 *
 * @internal
 */
export const isPermanent = ({ code, message }: Link): boolean => {
  const found = statusOfProxy.exec(message)
  const status = found?.[1] ?? found?.[2]
  return (status !== undefined && !passing.test(status)) || refusedBySocks.test(code ?? "") ||
    message.endsWith("client error (Connect): proxy authentication required")
}
