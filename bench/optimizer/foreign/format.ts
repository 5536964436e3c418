import * as z from "zod";

/** A time in which a service behaves in one way. */
const phaseForm = z.strictObject({
  /** Calls at once that the service takes without becoming slower. */
  capacity: z.number().min(1).max(100_000),
  /** What that has become at the end of the phase: it drifts there. Default: it stays. */
  toCapacity: z.number().min(1).max(100_000).optional(),
  /** Calls take (calls at once / capacity) ^ exponent as long when there are more. */
  exponent: z.number().min(0).max(10),
  /** What a call takes when there are not more, on average. */
  baseMs: z.number().positive().max(3_600_000),
  /** Standard deviation of that over its mean. */
  jitter: z.number().min(0).max(3),
  seconds: z.number().positive().max(1_000_000),
});

const courseForm = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  /** Concurrency that the catalogue gives the tool. */
  declaredLimit: z.int().positive().max(100_000),
  seed: z.int(),
  phases: z.array(phaseForm).min(1).max(1_000),
});

const fileForm = z.union([
  z.array(courseForm).min(1),
  z.strictObject({ courses: z.array(courseForm).min(1) }),
]);

export type Phase = Readonly<z.infer<typeof phaseForm>>;
/** A service that changes, and the limit under which a tool that always has more to do calls it. */
export type ForeignCourse = Readonly<Omit<z.infer<typeof courseForm>, "phases">> & {
  readonly phases: readonly Phase[];
};

/** Courses of a file. @throws ZodError with every problem. */
export function readCourses(json: unknown): readonly ForeignCourse[] {
  const read = fileForm.parse(json);
  return Array.isArray(read) ? read : read.courses;
}
