import { KneeControl, startCapOf } from "../../../processors/optimizer/learning/knee.ts";
import { figuresOf, type CourseFigures } from "./figures.ts";
import type { ForeignCourse } from "./format.ts";
import { playService, type CapControl } from "./service.ts";

/** The learner of the product, as the gate's passes show it the calls of one tool. */
export function learnerOf(declaredLimit: number): CapControl {
  const control = new KneeControl({ startCap: startCapOf(declaredLimit), ceiling: declaredLimit });
  return {
    get cap() {
      return control.decision.cap;
    },
    pass(ended, atMs, underway) {
      for (const call of ended) control.sample(call);
      control.decide(atMs, underway);
    },
  };
}

/** The declared limit alone. */
const ALONE: CapControl = { cap: null, pass: () => {} };

/** Plays a course with the learner of the product and with the declared limit alone, in a time of its own. */
export function playCourse(course: ForeignCourse, passS: number): CourseFigures {
  const played = playService(course, learnerOf(course.declaredLimit), passS);
  return figuresOf(course, played, playService(course, ALONE, passS));
}
