// npm run figures: what the house is held to, counted by the TypeScript compiler over everything that is no test.
// Prints each figure beside its limit and where the worst of it stands; exit 1 where one is beyond its limit.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import ts from "typescript";

const LIMITS = {
  "functions with five parameters or more": 40,
  "non-null assertions per 1,000 lines": 15,
  "casts per 1,000 lines": 5,
  "longest function of a page, lines": 60,
  "longest file, lines": 400,
};
const MANY = 5;
const SHOWN = 8;

const sources = find("*.ts").filter((f) => !f.startsWith("test/") && !f.endsWith(".d.ts"));
const pages = sources.filter((f) => f.startsWith("view/page/"));

const many = [];
const asserted = new Map();
const cast = new Map();
const long = [];
const files = [];
let lines = 0;
for (const file of sources) {
  const source = parsed(file);
  const count = lineCount(source);
  lines += count;
  files.push([count, file]);
  visit(source, (node) => {
    if (ts.isNonNullExpression(node)) tally(asserted, file);
    if (isCast(node)) tally(cast, file);
    const n = isFunction(node) ? node.parameters.length : 0;
    if (n >= MANY) many.push([n, place(source, node)]);
  });
}
for (const file of pages) {
  const source = parsed(file);
  visit(source, (node) => {
    if (isFunction(node)) long.push([lineSpan(source, node), place(source, node)]);
  });
}

const perThousand = (counts) => (1000 * sum([...counts.values()])) / lines;
const worst = (rows) => rows.sort(([a], [b]) => b - a).slice(0, SHOWN);
const perFile = (counts) => worst([...counts].map(([file, n]) => [n, file]));

const results = [
  ["functions with five parameters or more", many.length, worst(many)],
  ["non-null assertions per 1,000 lines", perThousand(asserted), perFile(asserted)],
  ["casts per 1,000 lines", perThousand(cast), perFile(cast)],
  ["longest function of a page, lines", Math.max(0, ...long.map(([n]) => n)), worst(long)],
  ["longest file, lines", Math.max(...files.map(([n]) => n)), worst(files)],
];

process.stdout.write(`${sources.length} files, ${lines} lines, ${pages.length} files of pages\n`);
let beyond = false;
for (const [name, value, rows] of results) {
  const isBeyond = value > LIMITS[name];
  beyond ||= isBeyond;
  const shown = Number.isInteger(value) ? value : value.toFixed(1);
  process.stdout.write(
    `\n${name}: ${shown} (at most ${LIMITS[name]})${isBeyond ? "  BEYOND" : ""}\n`,
  );
  for (const [n, where] of rows) process.stdout.write(`  ${String(n).padStart(5)}  ${where}\n`);
}
process.exitCode = beyond ? 1 : 0;

/** Of the files under version control, and new ones. */
function find(pattern) {
  const listed = ["ls-files", "--cached", "--others", "--exclude-standard", pattern];
  return execFileSync("git", listed, { encoding: "utf8" }).split("\n").filter(Boolean);
}

function parsed(file) {
  return ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
}

function visit(node, see) {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** `as const` narrows and hides nothing. */
function isCast(node) {
  return (
    ts.isAsExpression(node) &&
    !(ts.isTypeReferenceNode(node.type) && node.type.getText() === "const")
  );
}

function isFunction(node) {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

function place(source, node) {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  const name = node.name?.getText(source) ?? node.parent?.name?.getText?.(source) ?? "";
  return `${source.fileName}:${line + 1} ${name}`;
}

function lineSpan(source, node) {
  const at = (position) => source.getLineAndCharacterOfPosition(position).line;
  return at(node.end) - at(node.getStart(source)) + 1;
}

function lineCount(source) {
  return source.getLineAndCharacterOfPosition(source.end).line;
}

function tally(counts, key) {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}
