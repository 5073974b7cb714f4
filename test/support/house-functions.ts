/** Finds functions and their lengths in TypeScript and C++ by matching brackets; a full parser is not needed for that. */
import { lineOf, stripComments } from './house-source.js';

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const NOT_FUNCTIONS = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'with',
  'namespace',
  'struct',
  'class',
  'enum',
]);

interface Block {
  /** Undefined for a block that is no function's body. */
  readonly name: string | undefined;
  readonly start: number;
  /** Where the head goes on after the block: braces within parameters and initialisers are part of a head. */
  readonly head: number | undefined;
}

/** Every function, method, lambda and arrow function with a body in braces. */
export function functionsOf(text: string): FunctionSpan[] {
  const code = stripComments(text);
  const found: FunctionSpan[] = [];
  const open: Block[] = [];
  let headStart = 0;
  for (let at = 0; at < code.length; at += 1) {
    const char = code[at];
    if (char === '{') {
      open.push(blockAt(code, headStart, at));
      headStart = at + 1;
    } else if (char === '}') {
      const block = open.pop();
      if (block?.name !== undefined) {
        const line = lineOf(code, block.start);
        found.push({ name: block.name, line, lines: lineOf(code, at) - line + 1 });
      }
      headStart = block?.head ?? at + 1;
    } else if (char === ';' && parenthesesClosed(code.slice(headStart, at))) {
      headStart = at + 1;
    }
  }
  return found;
}

function blockAt(code: string, headStart: number, at: number): Block {
  let head = code.slice(headStart, at);
  while (/\{[^{}]*\}/.test(head))
    head = head.replace(/\{[^{}]*\}/g, (braces) => braces.replace(/[^\n]/g, ' '));
  const isInitialiser =
    /\)\s*(?:noexcept\s*)?:[^;]*\w$/.test(head) && !/\?/.test(head) && /[,:]\s*\w+$/.test(head);
  const name = isInitialiser ? undefined : functionName(head);
  const isPartOfHead = isInitialiser || (name === undefined && !parenthesesClosed(head));
  const start = name === undefined ? at : headStart + head.search(/\S/);
  return { name, start, head: isPartOfHead ? headStart : undefined };
}

function parenthesesClosed(text: string): boolean {
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
  }
  return depth <= 0;
}

// What stands before an opening brace tells a function: its parameter list is closed, and only qualifiers, a
// result type, an initialiser list or an arrow follow.
function functionName(head: string): string | undefined {
  const text = head.replace(/\s+/g, ' ').trimEnd();
  if (text.endsWith('=>')) return nameBefore(text) ?? 'arrow function';
  const match = /\)\s*(?:(?:const|noexcept|override|final|mutable)\s*)*(?:(?:->|:)[^;{}]*)?$/.exec(text);
  if (match === null) return undefined;
  const name = nameBefore(text);
  if (name === undefined) return 'lambda';
  return NOT_FUNCTIONS.has(name) ? undefined : name;
}

function nameBefore(text: string): string | undefined {
  const keyword = /(?:^|[\s}])(?:else )?(if|for|while|switch|catch)(?: constexpr)? ?\([^{}]*$/.exec(text);
  if (keyword?.[1] !== undefined && !text.includes('=>')) return keyword[1];
  const assigned = /(?:const|let|auto) (\w+)\b[^=]*= /.exec(text);
  if (assigned?.[1] !== undefined) return assigned[1];
  return /([~#\w:]+)(?:<[^()]*>)? ?\(/.exec(text)?.[1];
}
