/**
 * Tests that do not hold on Effect 4, each with the reason. A name is the end of the full name of one or more tests.
 */
export const exclusions: Readonly<Record<string, string>> = {
  "has a row for every test, a test for every row, and no snippet that is not run":
    "The guides have the code for Effect 3.",
  "has a row for every test of this file, a test for every row, and no snippet that is not run":
    "The guides have the code for Effect 3.",
  "leaves nothing behind, where nothing comes from the source of an idempotency key":
    "A random number of Effect 4 is no effect, so its source cannot wait.",
  "are found in a provider to fall back to":
    "A provider of Effect 4 lists the names of its fallback only if it has none at that place."
}
