/** What the stores have in common. */
export interface StoreSettings {
  /** What the name of every key and channel begins with. */
  readonly prefix: string
  readonly syncMillis: number
  readonly timeoutMillis: number
  /** How long what nobody asks for is kept. */
  readonly keepMillis: number
}

/**
 * Changes whenever what is written under a key does, so that processes of two releases do not read what is not for them.
 *
 * @internal
 */
export const format = 1

/**
 * The name of what is kept for a key. All that belongs to a key is in one slot of a cluster.
 *
 * @internal
 */
export const keyOf = ({ prefix }: StoreSettings, kind: string, key: string): string =>
  `${prefix}:${kind}:${format}:{${key}}`

/** @internal */
export const channelOf = ({ prefix }: StoreSettings, kind: string): string => `${prefix}:${kind}:${format}`
