// Which way imports may point, everywhere and of every kind (static, dynamic, of types): docs/ARCHITECTURE.md draws
// it. `npm run floors` checks it.

/** What each folder may import beside itself; tests, scripts and examples may import everything, and nobody them. */
const floors = {
  stats: [],
  schema: [],
  host: ["schema"],
  capture: ["stats", "schema", "host"],
  ingest: ["stats", "schema", "capture", "host"],
  gpio: ["schema", "capture", "host"],
  marks: ["schema", "capture", "host"],
  nvml: ["stats", "schema", "capture", "host"],
  rigs: ["schema", "host", "capture", "ingest"],
  align: ["stats", "schema", "capture"],
  energy: ["stats", "schema", "capture", "align"],
  dataset: ["stats", "schema", "capture", "align", "energy"],
  view: ["stats", "schema", "capture", "align", "energy", "dataset"],
  record: [
    ...["stats", "schema", "host", "capture", "ingest", "gpio", "marks", "nvml", "rigs"],
    ...["align", "view"],
  ],
  virtual: ["stats", "schema", "host", "capture", "ingest", "gpio", "nvml", "rigs", "record"],
  firmware: ["stats", "schema", "host", "capture", "rigs", "virtual"],
};

/** Above the floors: programs and what they are made of. */
const roofs = ["protocols", "bench", "cli", "index\\.ts"];
const outside = ["test", "scripts", "examples"];

const inside = (names) => `^(${names.join("|")})(/|$)`;
const all = [...Object.keys(floors), ...roofs, ...outside];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(floors).map(([folder, allowed]) => ({
      name: `${folder}-upwards`,
      severity: "error",
      comment: `${folder} may import only ${["itself", ...allowed].join(", ")}`,
      from: { path: inside([folder]) },
      to: { path: inside(all.filter((f) => f !== folder && !allowed.includes(f))) },
    })),
    {
      name: "outside",
      severity: "error",
      comment: "the program imports no test, script or example",
      from: { path: inside(roofs) },
      to: { path: inside(outside) },
    },
    {
      name: "page",
      severity: "error",
      comment:
        "a page runs in a browser: it has arithmetic, words for numbers and what it is handed",
      from: { path: "^view/page/" },
      to: {
        pathNot: "^(view/(page/|(format|page-data|live-data)\\.ts$)|stats/|node_modules/uplot/)",
      },
    },
    {
      name: "page-bundled",
      severity: "error",
      comment: "the program embeds a page's bundle and imports none of its sources",
      from: { path: inside([...Object.keys(floors), ...roofs]), pathNot: "^view/page/" },
      to: { path: "^view/page/" },
    },
    {
      name: "circle",
      severity: "error",
      comment: "two files that need each other are one file, or a third is missing",
      from: {},
      to: { circular: true },
    },
    {
      name: "nowhere",
      severity: "error",
      comment: "the import finds no file or package",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    exclude: { path: "^(node_modules|dist|carry|runs)/" },
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types"],
    },
  },
};
