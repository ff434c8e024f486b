// Typed lint. Which way imports may point is .dependency-cruiser.mjs's.
import tseslint from "typescript-eslint";

/** Where text may leave the program; elsewhere a stranger's text could reach a terminal as it is. */
const speakers = [
  "cli/terminal.ts",
  // Programs of their own, which print documents or figures of ours.
  ...[
    "firmware/demo.ts",
    "firmware/fuzz.ts",
    "firmware/image.ts",
    "firmware/script.ts",
    "firmware/emulator/main.ts",
  ],
  "virtual/daq/main.ts",
  "view/live/page-process.ts",
  // In the measured program.
  "marks/node-client.ts",
  // A program of its own, as a user would write it.
  "examples/*.ts",
  "test/**/*.ts",
];
const SPEAK = {
  selector: "MemberExpression[object.name='process'][property.name=/^std(out|err)$/]",
  message: "text leaves the program through cli/terminal.ts (docs/ARCHITECTURE.md)",
};
const oneMouth = {
  files: ["**/*.ts"],
  ignores: speakers,
  rules: { "no-console": "error", "no-restricted-syntax": ["error", SPEAK] },
};

/** A run, a source or a rig may hold a pipe, a device or 100 GB under any name (capture/regular-file.ts). */
const READ = {
  selector: "ImportSpecifier[imported.name=/^readFile(Sync)?$/]",
  message: "files of users are read by readSmallFile or openRegular (capture/regular-file.ts)",
};
const boundedReads = {
  files: ["{capture,align,energy,dataset,view,rigs}/**/*.ts", "ingest/import/**/*.ts"],
  // Reads files of this program itself; a program of its own.
  ignores: ["view/page-template.ts", "view/live/page-process.ts"],
  // The last configuration of a rule counts for a file, so the other one is repeated.
  rules: { "no-restricted-syntax": ["error", SPEAK, READ] },
};

/**
 * A list as long as the data, spread into arguments, ends the program at some 120,000 elements. Literals,
 * tuples and a function's own rest parameter are short; everything else takes stats/summary.ts or append of schema/lists.ts.
 */
const noLongArguments = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      spread:
        "a list of any length as arguments: use stats/summary.ts, append of schema/lists.ts or a loop",
    },
  },
  create(context) {
    const { parserServices: services } = context.sourceCode;
    const checker = services?.program?.getTypeChecker();
    const isRest = (node) => {
      const scope = context.sourceCode.getScope(node);
      for (let s = scope; s; s = s.upper) {
        const found = s.set.get(node.name);
        if (found) return found.defs.some((d) => d.name.parent?.type === "RestElement");
      }
      return false;
    };
    const isShort = (node) => {
      if (node.type === "ArrayExpression") return true;
      if (node.type === "Identifier" && isRest(node)) return true;
      const type = checker?.getTypeAtLocation(services.esTreeNodeToTSNodeMap.get(node));
      return type !== undefined && checker.isTupleType(type) && !type.target.hasRestElement;
    };
    const check = (node) => {
      for (const a of node.arguments)
        if (a.type === "SpreadElement" && !isShort(a.argument))
          context.report({ node: a, messageId: "spread" });
    };
    return { CallExpression: check, NewExpression: check };
  },
};

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "**/*.mjs", "*.js", "carry/", "runs/"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { local: { rules: { "no-long-arguments": noLongArguments } } },
    rules: {
      "local/no-long-arguments": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      eqeqeq: "error",
    },
  },
  // A test knows how long its lists are.
  { files: ["test/**"], rules: { "local/no-long-arguments": "off" } },
  {
    // A clock that can be set measures no duration: these want UTC, everyone else performance.now() or hrtime.
    files: ["**/*.ts"],
    ignores: [
      "test/**",
      "record/run.ts",
      "record/clock-pair.ts",
      "cli/doctor/examine.ts",
      "marks/marks-source.ts",
      "virtual/driver/sim-provider.ts",
      "firmware/demo.ts",
      // Ages of files, whose times are of the same clock.
      "host/own-folder.ts",
      "host/scratch.ts",
      "marks/text-file.ts",
    ],
    rules: {
      "no-restricted-properties": [
        "error",
        {
          object: "Date",
          property: "now",
          message: "durations: performance.now() (docs/capture.md)",
        },
      ],
    },
  },
  oneMouth,
  boundedReads,
);
