/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

/** An option that is a whole number from 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError("Give a whole number from 1.");
}
