// npm run api: index.ts and its docstrings → docs/api.md, one page. `npm run api -- --check` writes nothing and exits 1
// where the page is not what it would write, or a type that the page needs is not exported.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Application } from "typedoc";

const PAGE = new URL("../docs/api.md", import.meta.url).pathname;

/** What stands in a type for what has a page of its own: docs/schema, docs/reference.md. */
const ELSEWHERE = ["DocumentOf", "COMPARE", "FINDINGS", "LEVELS"];

const HEAD = `# The library

<!-- Made from index.ts by npm run api; do not edit. -->

What a script calls: \`import { record, fuse, compare, report } from "truejoule"\`. Each function does what the command of
that name does ([reference.md](reference.md)) and says by \`degraded\` what a command says by exit code 3. All quantities are SI without
prefixes, times in nanoseconds of session time where a name ends in \`Ns\`. [examples/measure.ts](../examples/measure.ts) is
a whole program; [folding.md](folding.md) and [reference.md](reference.md) say what is in the files, and under \`compare.json\`
what \`document.windows\` holds: \`name\`, \`physical.energy_j\` ± \`physical.expanded_uncertainty_j\` (null where there is none), \`telemetry\`.

What is thrown for a user's own mistake has a \`tag\` (\`InputError\`, \`UsageError\`, \`SourceError\`) and a \`message\` of one line that needs no
stack. In TypeScript, the types want those of Node: \`@types/node\`, and \`"types": ["node"]\` in tsconfig.json from TypeScript 6 on.
`;

const out = mkdtempSync(join(tmpdir(), "truejoule-api-"));
try {
  const page = await makePage();
  if (!process.argv.includes("--check")) writeFileSync(PAGE, page);
  else if (readFileSync(PAGE, "utf8") !== page) {
    process.stderr.write("docs/api.md is not up to date: npm run api\n");
    process.exitCode = 1;
  }
} finally {
  rmSync(out, { recursive: true });
}

async function makePage() {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: ["index.ts"],
    tsconfig: "tsconfig.json",
    plugin: ["typedoc-plugin-markdown"],
    router: "module",
    outputs: [{ name: "markdown", path: out }],
    readme: "none",
    disableSources: true,
    excludeExternals: true,
    groupOrder: ["Functions", "Interfaces", "Type Aliases", "Classes"],
    intentionallyNotExported: ELSEWHERE,
    treatWarningsAsErrors: true,
    logLevel: "Warn",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hidePageTitle: true,
    useCodeBlocks: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    typeDeclarationFormat: "table",
    tableColumnSettings: { hideInherited: true, hideModifiers: true, hideOverrides: true },
  });
  const project = await app.convert();
  if (!project) throw new Error("index.ts does not compile");
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.hasWarnings() || app.logger.hasErrors()) process.exitCode = 1;
  const body = readFileSync(join(out, "README.md"), "utf8");
  return `${HEAD}\n${body}`;
}
