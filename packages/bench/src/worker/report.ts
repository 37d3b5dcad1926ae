/** Hands the result of a worker to the process that started it, and ends: no socket may keep it alive. */
export const report = (result: unknown): void => {
  process.send?.(result, () => process.exit())
}

// A worker ends with the process that started it.
process.on("disconnect", () => process.exit(1))
