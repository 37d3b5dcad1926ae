const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const month = `(?<month>${months.join("|")})`
const day = "(?<day>\\d{2})"
const time = "(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)"
const shortDay = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
const longDay = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

/** The three forms of RFC 9110 section 5.6.7. `Date.parse` would read the third in local time, and "7, 9" as a date. */
const forms = [
  `${shortDay}, ${day} ${month} (?<year>\\d{4}) ${time} GMT`,
  `${longDay}, ${day}-${month}-(?<shortYear>\\d{2}) ${time} GMT`,
  `${shortDay} ${month} (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})`
].map((form) => new RegExp(`^[ \\t]*${form}[ \\t]*$`))

const millisPerYear = 365.2425 * 86_400_000

/** `Date.UTC` takes the years 0 to 99 for 1900 to 1999; the calendar repeats itself after 400 years. */
const utc = (year: number, ...rest: [month: number, ...rest: Array<number>]): number =>
  Date.UTC(year + 400, ...rest) - 400 * millisPerYear

/**
 * The latest year with these two last digits that does not put the date more than 50 years ahead of now.
 *
 * The first guess is at most two years too late, so that one step of a century corrects it.
 */
const fullYear = (shortYear: number, nowMillis: number, millisIn: (year: number) => number): number => {
  const latest = Math.floor(1970 + nowMillis / millisPerYear) + 51
  const year = latest - ((latest - shortYear) % 100)
  return millisIn(year - 50) > nowMillis ? year - 100 : year
}

/** @internal */
export const parseHttpDate = (value: string, nowMillis: number): number | undefined => {
  for (const form of forms) {
    const groups = form.exec(value)?.groups
    if (groups === undefined) continue
    const field = (name: string) => Number(groups[name])
    const month = months.indexOf(groups["month"] ?? "")
    const day = field("day")
    const millisIn = (year: number) => utc(year, month, day, field("hour"), field("minute"), field("second"))
    const year = groups["year"] === undefined ? fullYear(field("shortYear"), nowMillis, millisIn) : field("year")
    // Day 0 of the next month is the last one of this. A later day would be in the next month.
    return day >= 1 && utc(year, month, day) <= utc(year, month + 1, 0) ? millisIn(year) : undefined
  }
  return undefined
}
