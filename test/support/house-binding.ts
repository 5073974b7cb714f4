/** Compares what src/native/binding-types.ts declares with what the addon really exports. */
import { lineOf, stripComments } from './house-source.js';

export interface Member {
  readonly name: string;
  /** For `new (...) => X`: the interface of the instances. */
  readonly instance: string | undefined;
}

/** Interfaces of a declaration file and their members; nested types are skipped. */
export function interfacesOf(text: string): Map<string, Member[]> {
  const code = stripComments(text);
  const found = new Map<string, Member[]>();
  for (const match of code.matchAll(/\bexport interface (\w+)[^{]*\{/g)) {
    const start = match.index + match[0].length;
    found.set(match[1] ?? '', membersOf(code, start));
  }
  return found;
}

function membersOf(code: string, start: number): Member[] {
  const members: Member[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at < code.length; at += 1) {
    const char = code[at] ?? '';
    if (depth === 0 && (char === ';' || char === '}')) {
      const member = parseMember(code.slice(from, at));
      if (member !== undefined) members.push(member);
      if (char === '}') return members;
      from = at + 1;
    } else if ('([{'.includes(char)) depth += 1;
    else if (')]}'.includes(char)) depth -= 1;
  }
  throw new Error(`an interface is not closed (line ${lineOf(code, start)})`);
}

function parseMember(text: string): Member | undefined {
  const name = /^\s*(?:readonly\s+)?(\w+)\??\s*[:(<]/.exec(text)?.[1];
  if (name === undefined) return undefined;
  return { name, instance: /\bnew\s*\([\s\S]*\)\s*=>\s*(\w+)\s*$/.exec(text)?.[1] };
}

function difference(what: string, declared: readonly string[], actual: readonly string[]): string[] {
  return [
    ...declared
      .filter((name) => !actual.includes(name))
      .map((name) => `${what} declares ${name}, the addon has none`),
    ...actual
      .filter((name) => !declared.includes(name))
      .map((name) => `the addon has ${what}.${name}, not declared`),
  ];
}

/** What differs between the declaration text and the exports, in sentences; empty when they agree. */
export function bindingFaults(declaration: string, exported: Record<string, unknown>): string[] {
  const interfaces = interfacesOf(declaration);
  const binding = interfaces.get('NativeBinding');
  if (binding === undefined) return ['interface NativeBinding is missing'];
  const names = binding.map((member) => member.name);
  const faults = difference('NativeBinding', names, Object.keys(exported));
  for (const { name, instance } of binding) {
    const value = exported[name];
    if (value === undefined) continue;
    if (typeof value !== 'function') faults.push(`${name} is no function`);
    else if (instance !== undefined)
      faults.push(...classFaults(name, interfaces.get(instance), value.prototype));
  }
  return faults;
}

function classFaults(name: string, declared: readonly Member[] | undefined, prototype: unknown): string[] {
  if (declared === undefined) return [`the interface of ${name}'s instances is missing`];
  if (typeof prototype !== 'object' || prototype === null) return [`${name} is no class`];
  const actual = Object.getOwnPropertyNames(prototype).filter((member) => member !== 'constructor');
  return difference(
    name,
    declared.map((member) => member.name),
    actual,
  );
}
