import { InvalidOption } from "reprise/InvalidOption"

/**
 * The name of the header, if it is a token (RFC 9110 section 5.6.2).
 *
 * @internal
 */
export const checked = (header: string, option: string): string => {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(header)) return header
  throw new InvalidOption({ option, value: header, expected: "a header name (an RFC 9110 token)" })
}
