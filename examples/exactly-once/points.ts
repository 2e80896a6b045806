/**
 * Points move from one member to another, and each move is booked: the rows and the recorded result are one commit, so
 * that no crash moves them twice or not at all. A member without enough points keeps what he has.
 *   npx reprise run examples/exactly-once/points.ts
 */
import { isMain, NonRetryable, transaction, workflow } from "reprise";
import { ran } from "../ledger.ts";

const prepare = transaction("prepare", async (sql) => {
  await sql`create table if not exists points_members (name text primary key, points int not null)`;
  await sql`create table if not exists points_moves (giver text, taker text, points int)`;
  await sql`truncate points_members, points_moves`;
  await sql`insert into points_members values ('ada', 100), ('bob', 0), ('eve', 0)`;
});

const move = transaction("move", { retries: 3, retryDelay: "100ms" },
  async (sql, giver: string, taker: string, points: number) => {
    const [left] = await sql`update points_members set points = points - ${points}
      where name = ${giver} and points >= ${points} returning points`;
    if (left === undefined) throw new NonRetryable(`${giver} has not got ${points} points`);
    await sql`update points_members set points = points + ${points} where name = ${taker}`;
    await sql`insert into points_moves values (${giver}, ${taker}, ${points})`;
    ran();
    return `${giver} gave ${taker} ${points}, and has ${String(left["points"])} left`;
  });

const look = transaction("look", (sql) => sql`select name, points,
  (select count(*) from points_moves where giver = name) as gave from points_members order by name`);

export const points = workflow("points", async () => {
  await prepare();
  const lines: string[] = [];
  for (let i = 1; i <= 5; i++) lines.push(await move("ada", i % 2 === 0 ? "bob" : "eve", i * 5));
  lines.push(await move("bob", "eve", 31).catch((error: Error) => error.message));
  for (const one of await look()) lines.push(`${String(one["name"])}: ${String(one["points"])} points, gave ${
    String(one["gave"])} times`);
  return lines.join("\n");
});

if (isMain(import.meta)) console.log(await points());
