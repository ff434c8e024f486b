// Names that clients and recorder agree on (docs/marks.md, "The folder").

export const ENVIRONMENT_VARIABLE = "TRUEJOULE_MARKS";
export const SHARED_RING = "shared.ring";
