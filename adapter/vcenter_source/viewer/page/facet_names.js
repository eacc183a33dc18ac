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

const DATA = "data.";

/** The facet for the values at a path in the data of events, `["vm", "name"]` say; null where a name has a dot. */
export const facetOf = (path) => (path.some((name) => name.includes(".")) ? null : DATA + path.join("."));

export const isOfData = (facet) => facet.startsWith(DATA);

export const pathOf = (facet) => facet.slice(DATA.length).split(".");

/** A set of values for each facet. */
export const emptySets = () => Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Set()]));
