/**
 * Tests that do not hold on Effect 4, each with the reason. A name is the end of the full name of one or more tests.
 */
export const exclusions: Readonly<Record<string, string>> = {
  "The table of Explain in the README is the table that Explain prints":
    "The README shows Effect 3, and the random numbers of Effect 4 are others.",
  "names PREFIX if \"\" is out of range, and says what is allowed":
    "An empty variable of the environment counts as missing in Effect 4.",
  "are found in a provider to fall back to":
    "A provider of Effect 4 lists the names of its fallback only if it has none at that place.",
  "the source of an idempotency key": "Random numbers of Effect 4 are synchronous, so their source cannot hang."
}
