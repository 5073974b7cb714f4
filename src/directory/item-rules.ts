import { documentError } from './document-error.js';
import type { DocumentItem, DocumentItems } from './items.js';

/** How often an item may stand in a document, with what. Items without a rule may stand anywhere, with anything. */
export interface ItemRule {
  readonly count: 'once' | 'optional' | 'many' | 'any';
  /** Fewest arguments; 0 when absent. More than asked for are ignored, as the specification wants. */
  readonly args?: number;
  /** The object's label; `any` for whichever; absent: no object may follow. */
  readonly object?: string;
}

export type ItemRules = Readonly<Record<string, ItemRule>>;

/** Items by keyword, checked against rules: `one` never fails for a keyword whose rule is `once`. */
export class ItemIndex {
  readonly document: DocumentItems;
  readonly #name: string;
  readonly #byKeyword = new Map<string, DocumentItem[]>();

  constructor(
    name: string,
    document: DocumentItems,
    rules: ItemRules,
    items: readonly DocumentItem[] = document.items,
  ) {
    this.document = document;
    this.#name = name;
    for (const item of items) {
      const list = this.#byKeyword.get(item.keyword);
      if (list === undefined) this.#byKeyword.set(item.keyword, [item]);
      else list.push(item);
    }
    for (const [keyword, rule] of Object.entries(rules)) this.#check(keyword, rule);
  }

  one(keyword: string): DocumentItem {
    const item = this.optional(keyword);
    if (item === undefined) throw this.error(`no "${keyword}" line`);
    return item;
  }

  optional(keyword: string): DocumentItem | undefined {
    return this.#byKeyword.get(keyword)?.[0];
  }

  all(keyword: string): readonly DocumentItem[] {
    return this.#byKeyword.get(keyword) ?? [];
  }

  has(keyword: string): boolean {
    return this.#byKeyword.has(keyword);
  }

  error(problem: string): Error {
    return documentError(this.#name, problem);
  }

  #check(keyword: string, rule: ItemRule): void {
    const items = this.all(keyword);
    if (items.length === 0 && (rule.count === 'once' || rule.count === 'many')) {
      throw this.error(`no "${keyword}" line`);
    }
    if (items.length > 1 && (rule.count === 'once' || rule.count === 'optional')) {
      throw this.error(`more than one "${keyword}" line`);
    }
    for (const item of items) {
      if (item.args.length < (rule.args ?? 0)) throw this.error(`too few arguments in the "${keyword}" line`);
      if (item.args.length > 512) throw this.error(`too many arguments in the "${keyword}" line`);
      if (rule.object === undefined && item.object !== undefined) {
        throw this.error(`an object after the "${keyword}" line`);
      }
      if (rule.object !== undefined && item.object === undefined) {
        throw this.error(`no object after the "${keyword}" line`);
      }
      if (rule.object !== undefined && rule.object !== 'any' && item.object?.label !== rule.object) {
        throw this.error(`a "${item.object?.label ?? ''}" object after the "${keyword}" line`);
      }
    }
  }
}
