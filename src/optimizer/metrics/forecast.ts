/** How much the level and the slope follow a new value. */
const LEVEL_GAIN = 0.5;
const SLOPE_GAIN = 0.1;
/** How much the errors follow the last one. */
const ERROR_GAIN = 0.1;
/** Fewer values foretell nothing. */
const LEAST_VALUES = 8;
/** Normal quantile of 0.975: 95 of 100 values lie within. */
const Z = 1.96;

/** Plain JSON. */
export interface ForecastState {
  readonly n: number;
  readonly level: number;
  readonly slope: number;
  readonly last: number;
  /** Mean square and mean absolute error of the next value, and mean absolute error of saying "as the last one". */
  readonly square: number;
  readonly error: number;
  readonly naive: number;
}

/** What the next value will be. */
export interface Forecast {
  readonly next: number;
  /** 95 of 100 values lie between. */
  readonly low: number;
  readonly high: number;
  /** Mean absolute error of the forecasts so far, and of the forecast that nothing changes: whoever does not beat that is of no use. */
  readonly meanError: number;
  readonly naiveError: number;
  /** Values it is taken of. */
  readonly n: number;
}

/** Learns one more value, which is never below 0. */
export function learnForecast(before: ForecastState | undefined, value: number): ForecastState {
  if (before === undefined)
    return { n: 1, level: value, slope: 0, last: value, square: 0, error: 0, naive: 0 };
  const { n } = before;
  const expected = Math.max(0, before.level + before.slope);
  const level = LEVEL_GAIN * value + (1 - LEVEL_GAIN) * expected;
  const slope = SLOPE_GAIN * (level - before.level) + (1 - SLOPE_GAIN) * before.slope;
  // A plain mean at first, so that the beginning does not weigh more than the rest.
  const gain = Math.max(ERROR_GAIN, 1 / n);
  const follow = (old: number, now: number): number => old + gain * (now - old);
  return {
    n: n + 1,
    level,
    slope,
    last: value,
    square: follow(before.square, (value - expected) ** 2),
    error: follow(before.error, Math.abs(value - expected)),
    naive: follow(before.naive, Math.abs(value - before.last)),
  };
}

/** The next value by level and slope (C. C. Holt 1957), with an interval of its past errors. Null: too little is known. */
export function forecastOf(state: ForecastState | undefined): Forecast | null {
  if (state === undefined || state.n < LEAST_VALUES) return null;
  const { n, level, slope, square, error, naive } = state;
  const next = Math.max(0, level + slope);
  const width = Z * Math.sqrt(square);
  return {
    next,
    low: Math.max(0, next - width),
    high: next + width,
    meanError: error,
    naiveError: naive,
    n,
  };
}
