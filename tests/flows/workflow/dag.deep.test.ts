import { test } from "../../support/deployment/orchestra.ts";
import { expectRandomRight } from "../../support/stories/right-order.ts";

const RUNS = 200;

test(`${RUNS} random DAGs of up to 60 steps run every step once and in order`, ({ orchestra }) =>
  expectRandomRight(orchestra, RUNS));
