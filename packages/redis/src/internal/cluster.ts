import * as Predicate from "effect/Predicate"
import type { Target } from "./settings.js"

// The rules for clients of Redis Cluster: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/

const slotCount = 16_384

/** The address of the node of each slot. */
export type Slots = ReadonlyArray<string | undefined>

const crc16 = (bytes: Uint8Array): number => {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}

/** The slot of a key. If the key has a part in braces, the first such part decides. */
export const slotOf = (key: string): number => {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key
  return crc16(new TextEncoder().encode(tag)) % slotCount
}

/** A node has the name that the others give it. A node without a name is the one that answered. */
const addressOf = (host: unknown, port: unknown, asked: Target): string | undefined => {
  const name = host === "" || host === null || host === "?" ? asked.host : host
  return Predicate.isString(name) && Number.isInteger(port) ? serverOf(name, Number(port)) : undefined
}

/** The address as in messages. */
export const serverOf = (host: string, port: number): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

/** The same target on another node. `address` comes from `serverOf`. */
export const at = (target: Target, address: string): Target => {
  const colon = address.lastIndexOf(":")
  return {
    ...target,
    server: address,
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
    port: Number(address.slice(colon + 1))
  }
}

const isSlot = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < slotCount

/** Reads the reply to `CLUSTER SLOTS`; `undefined` if it is malformed. */
export const slotsOf = (reply: unknown, asked: Target): Slots | undefined => {
  if (!Array.isArray(reply) || reply.length > slotCount) return undefined
  const slots = new Array<string | undefined>(slotCount)
  for (const range of reply as ReadonlyArray<unknown>) {
    const [from, to, node]: ReadonlyArray<unknown> = Array.isArray(range) ? range : []
    const [host, port]: ReadonlyArray<unknown> = Array.isArray(node) ? node : []
    const address = addressOf(host, port, asked)
    if (!isSlot(from) || !isSlot(to) || address === undefined) return undefined
    slots.fill(address, from, to + 1)
  }
  return slots
}

/** A redirection to the node that has the key: for good (`MOVED`), or for this one command (`ASK`). */
export class Redirection {
  constructor(readonly kind: "MOVED" | "ASK", readonly slot: number, readonly address: string) {}
}

export const redirection = (text: string, asked: Target): Redirection | undefined => {
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})$/.exec(text) ?? []
  const address = kind === undefined ? undefined : addressOf(host, Number(port), asked)
  return address === undefined || !isSlot(Number(slot))
    ? undefined
    : new Redirection(kind === "ASK" ? "ASK" : "MOVED", Number(slot), address)
}
