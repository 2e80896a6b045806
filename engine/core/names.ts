/** Names that people can say: runs get an adjective and an animal, task runs three hex digits. */
import { RepriseError } from "./errors.ts";

const ADJECTIVES =
  ("able amber ample apt arctic autumn azure bashful bold brave breezy bright brisk bronze bubbly calm candid " +
  "careful cheery chilly civil clever cobalt cosy crafty crimson crisp curious dainty dapper daring dashing deft " +
  "dewy eager early " +
  "earnest easy elegant emerald exact fabled fair fancy fearless fine fleet fluffy fond frank free fresh friendly " +
  "frosty gallant " +
  "gentle gilded glad gleaming golden graceful grand green hardy hasty hazel hearty honest humble icy ivory jade " +
  "jaunty jolly jovial " +
  "keen kind lanky lilac lively loyal lucky lunar mellow merry mighty mild misty modest nimble noble olive orange " +
  "patient peppy " +
  "placid plucky polite prime proud pure quaint quick quiet rapid ready regal ripe rosy royal ruby rustic sage " +
  "salty sandy scarlet " +
  "serene shiny silent silver sleek smart smooth snappy snowy solar solid spry stable steady stellar sunny swift " +
  "tidy tranquil " +
  "trusty upbeat velvet vivid warm wise witty zesty").split(" ");
const ANIMALS =
  ("albatross alpaca ant antelope badger bat bear beaver bee beetle bison bobcat buffalo butterfly camel caribou cat " +
  "cheetah chipmunk cobra cod condor coyote crab crane cricket crow deer dingo dodo dolphin donkey dove dragonfly " +
  "duck eagle eel " +
  "egret elk emu falcon ferret finch firefly fish flamingo fox frog gazelle gecko gibbon giraffe goat goose grouse " +
  "gull hamster hare " +
  "hawk hedgehog heron hippo horse hummingbird ibex ibis iguana impala jackal jaguar jay kangaroo kestrel " +
  "kingfisher kiwi koala " +
  "lark lemming lemur leopard lion lizard llama lobster lynx magpie mallard manatee marmot meerkat mink mole " +
  "mongoose moose moth " +
  "mouse mule narwhal newt octopus ocelot orca osprey ostrich otter owl ox oyster panda panther parrot peacock " +
  "pelican penguin " +
  "pigeon pony puffin puma quail rabbit raccoon ram raven robin salmon seal shark sheep shrew sparrow squid " +
  "squirrel starling stork " +
  "swallow swan tapir tiger toad trout turtle walrus weasel whale wolf wombat woodpecker wren yak zebra").split(" ");

/** ULIDs are written in Crockford's base 32. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * The id of a child run: a ULID like every run's, but the same whenever its parent's history is replayed.
 * @param at milliseconds since 1970: the instant of the deciding turn  @param hash 20 hex digits or more, of parent and
 *   key
 */
export function childRunId(at: number, hash: string): string {
  let time = "", rest = at;
  for (let i = 0; i < 10; i++) { time = (DIGITS[rest % 32] ?? "") + time; rest = Math.floor(rest / 32) }
  let bits = BigInt(`0x${hash.slice(0, 20)}`), random = "";
  for (let i = 0; i < 16; i++) { random = (DIGITS[Number(bits % 32n)] ?? "") + random; bits /= 32n }
  return time + random;
}

/** `fluffy-dodo`; `random` gives [0, 1). */
export function runName(random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? "plain";
  return `${pick(ADJECTIVES)}-${pick(ANIMALS)}`;
}

/** `extract-0a2` for the key `task:extract#0`: three digits that depend only on run and key. */
export function taskRunName(runId: string, key: string): string {
  const name = /^[a-z]+:(.*?)(?:#\d+)?$/s.exec(key)?.[1] ?? key;
  let hash = 0x811c9dc5; // FNV-1a
  for (const char of `${runId}/${key}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return `${name}-${((hash ^ (hash >>> 12) ^ (hash >>> 24)) & 0xfff).toString(16).padStart(3, "0")}`;
}

const two = (n: number): string => String(n).padStart(2, "0");
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November",
  "December"];
/** The directives of strftime that names need, in UTC. */
const DATE: { readonly [directive: string]: (date: Date) => string } = {
  A: (d) => DAYS[d.getUTCDay()] ?? "", a: (d) => (DAYS[d.getUTCDay()] ?? "").slice(0, 3),
  B: (d) => MONTHS[d.getUTCMonth()] ?? "", b: (d) => (MONTHS[d.getUTCMonth()] ?? "").slice(0, 3),
  d: (d) => two(d.getUTCDate()), m: (d) => two(d.getUTCMonth() + 1), y: (d) => two(d.getUTCFullYear() % 100),
  Y: (d) => String(d.getUTCFullYear()), H: (d) => two(d.getUTCHours()), M: (d) => two(d.getUTCMinutes()),
  S: (d) => two(d.getUTCSeconds()), I: (d) => two(d.getUTCHours() % 12 || 12), p: (d) => d.getUTCHours() < 12 ? "AM"
    : "PM",
  "%": () => "%",
};

/** What a template belongs to, and is filled from, for its error. */
interface Named { readonly of: string; readonly given: "input" | "first argument" }

/** Fills `{name}`, `{user.id}` from `input` and `{date:%Y-%m-%d}` from `now` (UTC). @throws INVALID_RUN_NAME */
export function renderTemplate(template: string, input: unknown, now: Date, { of, given }: Named): string {
  return template.replace(/\{([^{}]+)\}/g, (_all, inside: string) => {
    if (inside.startsWith("date:")) {
      return inside.slice(5).replace(/%(.)/g, (whole, directive: string) => DATE[directive]?.(now) ?? whole);
    }
    const value = inside.split(".").reduce<unknown>((node, field) =>
      node !== null && typeof node === "object" && Object.hasOwn(node, field)
        ? (node as { readonly [key: string]: unknown })[field] // own field: checked just before
        : undefined, input);
    if (value !== undefined && value !== null && typeof value !== "object") return String(value);
    throw new RepriseError("INVALID_RUN_NAME",
      `the run name '${template}' of ${of} needs the field '${inside}', which its ${given} lacks`,
      `Use fields of the ${given} that are text, numbers or booleans, and {date:%Y-%m-%d}; or give a function.`);
  });
}
