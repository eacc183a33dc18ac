// What events are filtered by, and the titles of it.

export const FACETS = {
  state: "State",
  severity: "Severity",
  family: "Family",
  type: "Type",
  vcenter: "vCenter",
  place: "Object",
  user: "User",
};

/** A set of values for each facet. */
export const emptySets = () => Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Set()]));
