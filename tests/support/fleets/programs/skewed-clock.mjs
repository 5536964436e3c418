/** From now on the clock of this process is wrong by so many milliseconds. */
export function skewClock(ms) {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...args) {
      if (args.length === 0) super(Real.now() + ms);
      else super(...args);
    }
    static now() {
      return Real.now() + ms;
    }
  };
}
