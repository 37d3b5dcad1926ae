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

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

const daysIn = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31

/** Days since 1970-01-01 in the proleptic Gregorian calendar; the year is taken to begin in March. */
const epochDay = (year: number, month: number, day: number): number => {
  const y = month > 2 ? year : year - 1
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719468
}

const millisPerDay = 86_400_000
const millisPerYear = 365.2425 * millisPerDay

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
    const month = months.indexOf(groups["month"] ?? "") + 1
    const day = field("day")
    const timeMillis = ((field("hour") * 60 + field("minute")) * 60 + field("second")) * 1000
    const millisIn = (year: number) => epochDay(year, month, day) * millisPerDay + timeMillis
    const year = groups["year"] === undefined ? fullYear(field("shortYear"), nowMillis, millisIn) : field("year")
    return Number.isFinite(year) && day >= 1 && day <= daysIn(year, month) ? millisIn(year) : undefined
  }
  return undefined
}
