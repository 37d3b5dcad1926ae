/** @internal */
export type TransportTag =
  | "ConnectFailure"
  | "HostNotFound"
  | "TlsFailure"
  | "ConnectionLost"
  | "AttemptTimeout"
  | "BodyFailure"
  | "DecodeFailure"
  | "ProtocolFailure"
  | "InvalidRequest"
  | "UnknownNetwork"

/**
 * Where the error surfaced: while the response was awaited, or while its body was read.
 *
 * @internal
 */
export type Phase = "request" | "body"

/**
 * A link matches by one of the patterns.
 *
 * @internal
 */
export interface Rule {
  readonly code?: RegExp
  readonly name?: RegExp
  readonly syscall?: RegExp
  readonly message?: RegExp
  readonly only?: Phase
  readonly tag: TransportTag
  /** Where it proves that nothing was sent. */
  readonly sent?: "no"
}
