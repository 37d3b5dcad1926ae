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
 * When the error surfaced: before the response, or while its body was read.
 *
 * @internal
 */
export type Phase = "request" | "body"

/**
 * A link matches if one of the patterns does.
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
  /** Set if it proves that no request was sent. */
  readonly sent?: "no"
}
