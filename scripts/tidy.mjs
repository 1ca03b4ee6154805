// The house rules that no linter knows: `node scripts/tidy.mjs [--json]`. Also run as a test (test/tidy.test.ts).
//
// Each rule is a function from the list of files to a list of problems, each one sentence that starts with the file.
// To add a rule, write the function and name it in RULES.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', '.peers']);
const TEXT = /\.(ts|mjs|cjs|js|c|h|json|md|sh|yml|yaml)$|(^|\/)(run|LICENSE|\.gitignore|\.npmrc)$/;
const SOURCE = /^(src|native|scripts|test|bench|examples)\/.*\.(ts|mjs|cjs|js|c|h)$/;

const RULES = {
  'no file names a path or host of one machine': machinePaths,
  'every source file opens with a comment that says what it is for': openingComments,
  'every file under src is reached from an entry point': unreachedFiles,
  'core, sim and node import nothing but this package and Node itself': foreignImports,
  'no TODO is left without an issue number': looseTodos,
  'links within the documentation resolve': brokenLinks,
  'a page has exactly one title': pageTitles,
  'the commands of the README are the ones CI runs': readmeCommands,
  'the lock files name no registry and no package with an install script': lockFiles,
};

/** What nothing imports because something outside starts it. */
const ENTRY_POINTS = [
  'src/core/index.ts',
  'src/explore/main.ts',
  'src/explore/real.ts',
  'src/sim/index.ts',
  'src/node/index.ts',
  'src/node/bootstrap.cjs',
  'src/cli/main.ts',
  'src/cli/attach/close-later.ts',
  'src/cli/doctor/probe.ts',
];

main();

function main() {
  const files = listFiles('.');
  const results = Object.entries(RULES).map(([rule, check]) => ({ rule, problems: check(files) }));
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(results));
    return;
  }
  for (const { rule, problems } of results) {
    if (problems.length > 0)
      console.error(`\n${rule}: broken\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
  const broken = results.filter(({ problems }) => problems.length > 0).length;
  console.log(`tidy: ${files.length} files, ${results.length} rules, ${broken} broken`);
  process.exitCode = broken === 0 ? 0 : 1;
}

function listFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = normalize(join(folder, entry.name));
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() && TEXT.test(path) ? [path] : [];
  });
}

function read(file) {
  return readFileSync(join(root, file), 'utf8');
}

function machinePaths(files) {
  // Assembled from parts so that this file does not break its own rule.
  const folders = ['work', 'root', 'Users', 'home/[a-z]\\w*'].join('|');
  const path = new RegExp(`(?<![\\w.:/$})-])/(${folders})/`);
  const host = /\b(\d{1,3}\.){3}\d{1,3}:\d+\/(?=[@a-z])|\bregistry\.[a-z]/;
  return problemLines(files, (line) => path.test(line) || host.test(line), 'names one machine');
}

function looseTodos(files) {
  const sources = files.filter((file) => SOURCE.test(file) && file !== 'scripts/tidy.mjs');
  return problemLines(
    sources,
    (line) => /\b(TODO|FIXME)\b(?!\s*\(#\d+\))/.test(line),
    'TODO without (#issue)',
  );
}

function problemLines(files, isProblem, sentence) {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) =>
        isProblem(line) ? [`${file}:${index + 1} ${sentence}: ${line.trim()}`] : [],
      ),
  );
}

function openingComments(files) {
  return files
    .filter((file) => SOURCE.test(file) && !file.startsWith('test/fixtures/'))
    .filter(
      (file) =>
        !/^(\/\/|\/\*)/.test(
          read(file)
            .replace(/^#!.*\n/, '')
            .replace(/^'use strict';\s*/, ''),
        ),
    )
    .map((file) => `${file} does not open with a comment`);
}

/** Relative imports of any form, worker and preload URLs included, as source paths. */
function localImports(file) {
  const specifiers = [
    ...read(file).matchAll(/(?:from|import|require|URL|resolve)\s*\(?\s*'(\.{1,2}\/[^']+)'/g),
  ];
  return specifiers
    .map(([, specifier]) => normalize(join(dirname(file), specifier)))
    .flatMap((path) => [path, path.replace(/\.js$/, '.ts')])
    .filter((path) => existsSync(join(root, path)));
}

function unreachedFiles(files) {
  const reached = new Set();
  const pending = ENTRY_POINTS.filter((file) => existsSync(join(root, file)));
  while (pending.length > 0) {
    const file = pending.pop();
    if (reached.has(file)) continue;
    reached.add(file);
    if (/\.(ts|cjs|mjs|js)$/.test(file)) pending.push(...localImports(file));
  }
  return files
    .filter((file) => /^src\/.*\.(ts|cjs|mjs)$/.test(file) && !reached.has(file))
    .map((file) => `${file} is imported by nothing that starts at an entry point`);
}

/** What is loaded into someone else's server has no dependencies. */
function foreignImports(files) {
  const inTarget = files.filter((file) => /^src\/(core|sim|node)\/.*\.(ts|cjs)$/.test(file));
  return inTarget.flatMap((file) =>
    [...read(file).matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^'.][^']*)'/gm)]
      .map(([, specifier]) => specifier)
      .filter((specifier) => !(specifier.startsWith('node:') && file.startsWith('src/node/')))
      .map((specifier) => `${file} imports ${specifier}`),
  );
}

function brokenLinks(files) {
  return files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...withoutCode(read(file)).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)]
        .map(([, target]) => target)
        .filter((target) => !linkResolves(file, target))
        .map((target) => `${file} links to ${target}, which does not exist`),
    );
}

function linkResolves(file, target) {
  const [path, anchor] = target.split('#');
  const page = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
  if (!existsSync(join(root, page))) return false;
  if (anchor === undefined || !page.endsWith('.md')) return true;
  const headings = [...withoutCode(read(page)).matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => slug(heading));
  return headings.includes(anchor);
}

/** GitHub's anchors: lower case, punctuation dropped, spaces to dashes. */
function slug(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function withoutCode(markdown) {
  return markdown
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.slice(1, -1).replace(/\]\(/g, ''));
}

function pageTitles(files) {
  return files
    .filter((file) => file.endsWith('.md'))
    .filter((file) => [...withoutCode(read(file)).matchAll(/^# /gm)].length !== 1)
    .map((file) => `${file} does not have exactly one "# " title`);
}

/** A command in the README that CI does not run is a promise nobody checks. */
function readmeCommands() {
  if (!existsSync(join(root, 'README.md'))) return ['README.md does not exist'];
  const promised = new Set(
    [...read('README.md').matchAll(/^\s*(?:\$ )?(npm install && npm .*)$/gm)].flatMap(([, line]) =>
      line.split(' && '),
    ),
  );
  const expected = ['npm install', 'npm run demo', 'npm test'];
  const ci = read(join('.ci', 'run'));
  return [
    ...expected
      .filter((command) => !promised.has(command))
      .map((command) => `README.md does not show ${command}`),
    ...[...promised]
      .filter((command) => !new RegExp(`^\\s*\\w.*\\s${command}$`, 'm').test(ci))
      .map((command) => `.ci/run does not run "${command}", which README.md shows`),
  ];
}

function lockFiles() {
  return ['package-lock.json', join('.ci', 'nodes', 'package-lock.json')].flatMap((file) => {
    if (!existsSync(join(root, file))) return [`${file} is missing`];
    const { packages } = JSON.parse(read(file));
    return Object.entries(packages).flatMap(([name, entry]) => [
      ...(entry.resolved === undefined ? [] : [`${file}: ${name} names a registry (see .npmrc)`]),
      ...(entry.hasInstallScript && name !== '' ? [`${file}: ${name} has an install script`] : []),
    ]);
  });
}
