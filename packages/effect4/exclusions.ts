/**
 * Tests that do not hold on Effect 4, each with the reason. A name is the end of the full name of one or more tests.
 */
export const exclusions: Readonly<Record<string, string>> = {
  "has a row for every test, a test for every row, and no snippet that is not run":
    "The guides have the code for Effect 3.",
  "has a row for every test of this file, a test for every row, and no snippet that is not run":
    "The guides have the code for Effect 3.",
  "are found in a provider to fall back to":
    "A provider of Effect 4 lists the names of its fallback only if it has none at that place.",
  "the source of an idempotency key": "Random numbers of Effect 4 are synchronous, so their source cannot hang."
}
