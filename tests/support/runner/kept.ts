/** Key with the namespaces that failed tests have left in their Redis, to be looked at. */
export const KEPT = "tests:kept";
