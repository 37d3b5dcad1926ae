import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { RedisError } from "../Redis.js"
import * as cluster from "./cluster.js"
import * as connection from "./connection.js"
import * as failure from "./failure.js"
import type { Target } from "./settings.js"
import { alive, supervise } from "./supervise.js"

/** A server with its connection, or with the error that every command gets meanwhile. */
class Node {
  current: connection.Connection | RedisError
  /** The result of the first attempt to connect. */
  readonly first = Deferred.unsafeMake<void, RedisError>(FiberId.none)
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined

  constructor(readonly target: Target) {
    this.current = failure.disconnected(target, "not connected yet")
  }

  get isUp(): boolean {
    return !(this.current instanceof RedisError) && this.current.error === undefined
  }
}

/** The most redirections of a command. */
const hops = 4
/** The least time between two queries for the slots of the nodes. */
const learnNanos = 500_000_000n

/**
 * The servers of a program: one, or all nodes of a cluster that have slots.
 *
 * @internal
 */
export class Nodes {
  private readonly seed: Node
  private readonly all = new Map<string, Node>()
  private slots: Array<string | undefined> = []
  private learnedNanos: bigint | undefined

  constructor(readonly driver: connection.Driver, target: Target, readonly scope: Scope.Scope) {
    this.seed = new Node(target)
    this.all.set(target.server, this.seed)
  }

  /** A connected server, if there is one. */
  get target(): Target {
    return this.any().target
  }

  /** Connects. If that fails, the result fails too, unless `isDegraded`: then it tries again in the background. */
  start(isDegraded: boolean): Effect.Effect<void, RedisError> {
    const { first, target } = this.seed
    return Effect.zipRight(
      this.keep(this.seed, isDegraded),
      // If Redis works, the first calls should find it. If not, the start must not take long.
      isDegraded
        ? Deferred.await(first).pipe(Effect.ignore, Effect.timeoutOption(target.commandMillis))
        : Deferred.await(first)
    )
  }

  /**
   * Runs a command on the node of the key, or on any node if there is no key. It follows redirections and learns from
   * them.
   */
  ask<A>(key: string | undefined, use: Use<A>): Effect.Effect<A, RedisError> {
    return Effect.flatMap(Clock.currentTimeNanos, (start) => {
      const slot = key === undefined || this.slots.length === 0 ? undefined : cluster.slotOf(key)
      const home = slot === undefined ? undefined : this.all.get(this.slots[slot] ?? "")
      // Any other connected node can name the new primary.
      return this.askNode(home?.isUp ? home : this.any(home), use, { isAsking: false, left: hops, start })
    })
  }

  private askNode<A>(node: Node, use: Use<A>, trip: Trip): Effect.Effect<A, RedisError> {
    const { current } = node
    if (current instanceof RedisError) return Effect.fail(this.ofNode(node, current))
    // The link notices it a moment later.
    if (current.error !== undefined) return Effect.fail(this.ofNode(node, current.error))
    return Effect.catchAll(
      connection.bounded(current, use(current, trip.isAsking)),
      (error): Effect.Effect<A, RedisError> =>
        error instanceof RedisError ? Effect.fail(this.ofNode(node, error)) : this.follow(current, error, use, trip)
    )
  }

  private follow<A>(
    from: connection.Connection,
    { address, kind, slot }: cluster.Redirection,
    use: Use<A>,
    { left, start }: Trip
  ): Effect.Effect<A, RedisError> {
    const { target } = from
    if (left === 0) return Effect.fail(failure.ofReply(target, kind))
    if (kind === "MOVED") this.slots[slot] = address
    const learnt = kind === "MOVED" ? Effect.forkIn(Effect.ignore(this.learn(from)), this.scope) : Effect.void
    return Effect.flatMap(
      Effect.zipRight(learnt, Clock.currentTimeNanos),
      (now) =>
        Effect.flatMap(this.add(address), (node) =>
          Effect.zipRight(
            node.isUp ? Effect.void : Effect.ignore(Deferred.await(node.first)),
            Effect.suspend(() => this.askNode(node, use, { isAsking: kind === "ASK", left: left - 1, start }))
          )).pipe(Effect.timeoutFail({
            duration: Math.max(target.commandMillis - Number(now - start) / 1e6, 0),
            onTimeout: () => failure.ofNode(failure.timeout(target))
          }))
    )
  }

  /** If other nodes work, the error is about one node. */
  private ofNode(node: Node, error: RedisError): RedisError {
    const isAlone = !Array.from(this.all.values()).some((other) => other !== node && other.isUp)
    return isAlone || !failure.isOfServer(error) || error.code === "CLUSTERDOWN" ? error : failure.ofNode(error)
  }

  /** A node with slots, if one is connected: the seed may have left the cluster. */
  private any(otherwise = this.seed): Node {
    const up = Array.from(this.all.values()).filter((node) => node.isUp)
    return up.find(({ target }) => this.slots.includes(target.server)) ?? up[0] ?? otherwise
  }

  private add(address: string): Effect.Effect<Node> {
    return Effect.suspend(() => {
      const known = this.all.get(address)
      if (known !== undefined) return Effect.succeed(known)
      const node = new Node(cluster.at(this.seed.target, address))
      this.all.set(address, node)
      return Effect.as(this.keep(node, true), node)
    })
  }

  /** Keeps the connection open while the scope is open and the cluster has the node. */
  private keep(node: Node, isDegraded: boolean): Effect.Effect<void> {
    const down = (error: RedisError) => Effect.sync(() => node.current = failure.down(error))
    const supervised = supervise(this.driver, () => node.target, {
      name: "connection",
      prepare: (connection) => this.learn(connection),
      use: (connection) => {
        node.current = connection
        return Effect.zipRight(Deferred.succeed(node.first, undefined), alive(connection))
      },
      onDown: (error) =>
        Effect.zipRight(down(error), Deferred.fail(node.first, error)).pipe(
          Effect.flatMap((isFirst) => isFirst && !isDegraded ? error : Effect.void)
        )
    })
    return supervised.pipe(
      Effect.ensuring(down(failure.disconnected(node.target, "its layer has been closed"))),
      // The fiber that builds the layer may be uninterruptible, but the end of its scope must end this.
      Effect.interruptible,
      Effect.forkIn(this.scope),
      Effect.map((fiber) => void (node.fiber = fiber))
    )
  }

  /** Learns the slots of each node, if the server is a cluster. */
  private learn(from: connection.Connection): Effect.Effect<void, RedisError> {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      if (from.isAlone || this.learnedNanos !== undefined && now - this.learnedNanos < learnNanos) return Effect.void
      this.learnedNanos = now
      return Effect.flatMap(connection.attempt(from, ["CLUSTER", "SLOTS"]), (reply) => {
        const slots = cluster.slotsOf(reply, from.target)
        // A node that has left the cluster lists no other node.
        return slots?.some((address) => address !== undefined) === true ? this.take(slots) : Effect.void
      })
    })
  }

  private take(slots: cluster.Slots): Effect.Effect<void> {
    this.slots = [...slots]
    const addresses = new Set(slots)
    const gone = Array.from(this.all.values()).filter((node) =>
      node !== this.seed && !addresses.has(node.target.server)
    )
    for (const node of gone) this.all.delete(node.target.server)
    return Effect.zipRight(
      Effect.sync(() => gone.forEach(({ fiber }) => fiber?.unsafeInterruptAsFork(FiberId.none))),
      Effect.forEach(addresses, (address) => address === undefined ? Effect.void : this.add(address), { discard: true })
    )
  }
}

/** A command on a connection; `isAsking` if the node is still receiving the slot. */
type Use<A> = (
  connection: connection.Connection,
  isAsking: boolean
) => Effect.Effect<A, RedisError | cluster.Redirection>

interface Trip {
  readonly isAsking: boolean
  readonly left: number
  readonly start: bigint
}
