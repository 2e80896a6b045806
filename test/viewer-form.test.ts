/** Forms: fields from JSON schemas, answers from fields, refusals at fields. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Json } from "../engine/core/events.ts";
import { answerOf, fieldsOf, refusalsOf } from "../replay-viewer/model/form.ts";

// what zod gives is JSON
const schemaOf = (schema: z.ZodType): Json => z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;
const approval = schemaOf(z.object({
  amount: z.number().int().min(1).max(500), approved: z.boolean(), tier: z.enum(["gold", "plain"]),
  due: z.iso.date(), at: z.iso.datetime().optional(), note: z.string().max(5).optional(),
  address: z.object({ city: z.string() }).optional(), tags: z.array(z.string()).default(["a"]),
  owner: z.string().min(1).nullable(), unit: z.union([z.literal(1), z.literal(2)]).optional(),
}));
const fields = fieldsOf(approval, "approve");
const good = { amount: "12", approved: "true", tier: '"gold"', due: "2026-11-21", owner: "" };

describe("the fields of a form", () => {
  test("are those of the schema, each of its kind", () => {
    expect(fields.map(({ name, kind, required }) => `${name} ${kind}${required ? " needed" : ""}`)).toEqual([
      "amount number needed", "approved boolean needed", "tier choice needed", "due date needed", "at instant",
      "note text", "address json", "tags json", "owner text needed", "unit choice"]);
    expect(fields.find(({ name }) => name === "tags")?.first).toBe('["a"]');
    expect(fields.find(({ name }) => name === "unit")?.choices).toEqual([1, 2]);
  });

  test("are one where the answer is no object, or where nothing is known of it", () => {
    expect(fieldsOf(schemaOf(z.boolean()), "ok").map(({ name, label, kind }) => [name, label, kind]))
      .toEqual([["", "ok", "boolean"]]);
    expect(fieldsOf(undefined, "ok").map(({ kind }) => kind)).toEqual(["json"]);
    expect(answerOf(fieldsOf(schemaOf(z.boolean()), "ok"), { "": "false" })).toEqual({ value: false });
  });

  test("give the answer, what is left out left out", () => {
    expect(answerOf(fields, good)).toEqual({ value: { amount: 12, approved: true, tier: "gold", due: "2026-11-21",
      tags: ["a"], owner: null } });
    expect(answerOf(fields, { ...good, at: "2026-11-21T10:00:00Z", address: '{"city":"Rome"}', unit: "2" }))
      .toMatchObject({ value: { at: "2026-11-21T10:00:00.000Z", address: { city: "Rome" }, unit: 2 } });
  });

  test("say what is wrong before anybody is asked", () => {
    expect(answerOf(fields, { ...good, amount: "1.5", approved: "", note: "too long", address: "{" })).toEqual({
      problems: { amount: "A whole number is needed.", approved: "Choose one.", note: "At most 5 characters.",
        address: "This is not JSON." } });
    expect(answerOf(fields, { ...good, amount: "501" })).toEqual({ problems: { amount: "At most 500." } });
    expect(answerOf(fields, { ...good, amount: "x" })).toEqual({ problems: { amount: "This is no number." } });
  });

  test("get the server's refusal, each its own line", () => {
    const message = "run 1 did not take the answer to 'approve': the input of form 'approve' is not valid:\n"
      + "  amount: Too small\n  address.city: Required\n  (input): never";
    expect(refusalsOf(message, fields)).toEqual({ problems: { amount: "Too small",
      address: "address.city: Required" }, rest: "(input): never" });
    expect(refusalsOf("no form 'x' is open", fields)).toEqual({ problems: {}, rest: "no form 'x' is open" });
  });

  test("make an answer that the schema accepts, of any plain object of texts and numbers", () => {
    const names = fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== "__proto__");
    fc.assert(fc.property(fc.dictionary(names, fc.oneof(fc.string(), fc.integer(), fc.boolean())), (value) => {
      const shape = Object.fromEntries(Object.entries(value).map(([name, one]) => [name,
        typeof one === "string" ? z.string() : typeof one === "number" ? z.number() : z.boolean()]));
      const texts = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
      const answer = answerOf(fieldsOf(schemaOf(z.object(shape)), "x"), texts);
      expect("value" in answer && z.object(shape).safeParse(answer.value ?? {}).success).toBe(true);
    }), { numRuns: 100 });
  });
});
