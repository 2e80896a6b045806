/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

/** An option that is a whole number from 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError("Give a whole number from 1.");
}

/** An option that is a whole number from 0. */
export function wholeFromZero(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError("Give a whole number from 0.");
}

/** An option that is a port; 0 = any that is free. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("Give a port from 0 to 65535.");
}
