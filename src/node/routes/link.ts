/** Ties a raw request to the framework that serves it. */
import { Itself, marksApart } from '../marking.ts';

/** What a framework can say about one of its requests. Asked once, when the response has closed. */
export interface RouteSource {
  /** The matched pattern without the method, `undefined` when nothing matched. May throw: the caller catches. */
  pattern(url: string, status: number): string | undefined;
}

const apart = new WeakMap<object, RouteSource>();

class Link extends Itself {
  #source: RouteSource;

  constructor(bearer: object, source: RouteSource) {
    super(bearer);
    this.#source = source;
  }

  static set(bearer: object, source: RouteSource): void {
    if (#source in bearer) bearer.#source = source;
    else new Link(bearer, source);
  }

  static get(bearer: object): RouteSource | undefined {
    return #source in bearer ? bearer.#source : undefined;
  }
}

/** Remembers who can name this raw request. The last one to ask wins. */
export function linkRequest(request: object, source: RouteSource): void {
  if (marksApart()) apart.set(request, source);
  else Link.set(request, source);
}

/** Who can name this raw request, if a framework has claimed it. */
export function sourceOf(request: object): RouteSource | undefined {
  return marksApart() ? apart.get(request) : Link.get(request);
}
