/** Python's `strftime`, in English. */
import { unsupported } from "./template_error.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
  .concat(["November", "December"]);
const DAY = 86_400_000;

/**
 * A date and time in a given form.
 *
 * @param now without zone, as `2024-07-26T12:30:45`
 * @throws {TemplateError} if the form has a directive that is not known here
 */
export function strftime(format: string, now: string): string {
  const date = new Date(`${now}Z`);
  const two = (n: number, fill = "0"): string => `${n}`.padStart(2, fill);
  const [year, month, day, hours] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours()];
  const [dayName, monthName] = [DAYS[date.getUTCDay()] as string, MONTHS[month] as string];
  const directives: Readonly<Record<string, string>> = {
    "%": "%",
    Y: `${year}`,
    y: two(year % 100),
    m: two(month + 1),
    B: monthName,
    b: monthName.slice(0, 3),
    h: monthName.slice(0, 3),
    d: two(day),
    e: two(day, " "),
    j: `${(Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / DAY + 1}`.padStart(3, "0"),
    A: dayName,
    a: dayName.slice(0, 3),
    w: `${date.getUTCDay()}`,
    u: `${date.getUTCDay() || 7}`,
    H: two(hours),
    I: two(hours % 12 || 12),
    p: hours < 12 ? "AM" : "PM",
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    f: `${date.getUTCMilliseconds()}`.padStart(3, "0").padEnd(6, "0"),
    F: `${year}-${two(month + 1)}-${two(day)}`,
    T: `${two(hours)}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`,
  };
  return format.replace(/%([\s\S]|$)/g, (whole, letter: string) => {
    if (!Object.hasOwn(directives, letter)) throw unsupported(`${whole} of strftime_now`);
    return directives[letter] as string;
  });
}
