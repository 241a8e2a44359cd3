// A connection to the control plane for the generated clients: `new RacksClient(arm.endpoint, arm)`. Tokens, api-version and retries; pages and long-running operations.

import type { Answer } from './generated/clients';

/** ARM's error body: a code for programs, a message for people, details for each single fault. */
export interface ArmErrorBody { code: string; message: string; target?: string; details?: ArmErrorBody[] }

/** The control plane refused, or an operation that was accepted ended otherwise than in success. */
export class ArmError extends Error {
  constructor(readonly status: number, readonly body: ArmErrorBody, readonly requestId?: string) {
    super(`${status} ${body.code}: ${body.message}`);
  }
  get code(): string { return this.body.code; }
  get details(): ArmErrorBody[] { return this.body.details ?? []; }
}

/** How a client signs in: OAuth 2.0 client credentials, or a function that returns a bearer token. */
export type Credential = { tenantId: string; clientId: string; secret: string } | (() => Promise<string>);

/** How an operation stands. */
export interface OperationState { status: string; percentComplete?: number; resourceId?: string; error?: ArmErrorBody; [name: string]: unknown }

const attempts = 6;
const ends = ['succeeded', 'failed', 'canceled'];
const sleep = (milliseconds: number) => new Promise<void>(resolve => setTimeout(resolve, milliseconds));

export class Arm {
  private token?: { text: string; ends: number };

  constructor(readonly endpoint: string, private readonly credential: Credential, private readonly apiVersion = '2026-06-01') {
    this.endpoint = endpoint.replace(/\/$/, '');
  }

  /** Sends until it is answered; the generated clients call this. Throws {@link ArmError} for any answer but 2xx. */
  async fetch(url: RequestInfo, init?: RequestInit): Promise<Response> {
    const address = new URL(String(url), this.endpoint + '/');
    // A token goes to the configured host only, whatever a link in an answer says.
    if (address.origin !== new URL(this.endpoint).origin)
      throw new Error(`${address} is not on ${this.endpoint}`);
    // Names have no slashes, so an escaped one stands in the id of a scope.
    address.pathname = address.pathname.replace(/%2f/gi, '/');
    if (!address.searchParams.has('api-version'))
      address.searchParams.set('api-version', this.apiVersion);
    for (let attempt = 1; ; attempt++) {
      const headers = new Headers(init?.headers);
      headers.set('Authorization', `Bearer ${await this.bearer()}`);
      const response = await fetch(address, { ...init, headers });
      if (response.ok)
        return init?.method === 'PATCH' && response.status === 202 ? this.withResource(address, response) : response;
      if (response.status === 401 && attempt === 1)
        this.token = undefined;
      else if (![429, 503].includes(response.status) || attempt === attempts)
        throw new ArmError(response.status, await errorOf(response), response.headers.get('x-ms-request-id') ?? undefined);
      else
        await sleep(waitOf(response.headers.get('retry-after')));
    }
  }

  /** A PATCH that goes on is answered without a body: the caller gets the resource as it is meanwhile, and the headers by which it follows the rest. */
  private async withResource(address: URL, accepted: Response): Promise<Response> {
    const resource = await this.fetch(address.toString());
    const headers = new Headers(resource.headers);
    for (const name of ['azure-asyncoperation', 'location', 'retry-after'])
      if (accepted.headers.has(name))
        headers.set(name, accepted.headers.get(name)!);
    return new Response(await resource.text(), { status: resource.status, headers });
  }

  /** Every item of a list that a generated client began: `arm.all(racks.listByResourceGroup(…))`. */
  async *all<T>(first: Promise<Answer<{ value?: T[]; nextLink?: string | null }>>): AsyncGenerator<T> {
    let page = (await first).result;
    for (;;) {
      yield* page.value ?? [];
      if (!page.nextLink)
        return;
      page = await (await this.fetch(page.nextLink)).json();
    }
  }

  /** The states of what was accepted, the last of them terminal. */
  async *follow(accepted: Answer<unknown>): AsyncGenerator<OperationState> {
    const watch = header(accepted, 'azure-asyncoperation');
    while (watch) {
      const response = await this.fetch(watch);
      const state = await response.json() as OperationState;
      yield state;
      if (ends.includes(state.status.toLowerCase()))
        return;
      await sleep(waitOf(response.headers.get('retry-after')));
    }
    yield { status: 'Succeeded' };
  }

  /** Waits until a write has ended and returns the resource as it is then. */
  async wait<T>(accepted: Answer<T>): Promise<T> {
    let last: OperationState = { status: 'Unknown' };
    for await (const state of this.follow(accepted))
      last = state;
    if (last.status.toLowerCase() !== 'succeeded')
      throw new ArmError(200, last.error ?? { code: 'OperationFailed', message: `The operation ended as ${last.status}.` });
    const id = (accepted.result as { id?: string } | null | undefined)?.id;
    return id ? await (await this.fetch(id)).json() as T : accepted.result;
  }

  /** Asks for what was accepted to end as Canceled; it may have ended otherwise before. */
  async cancel(accepted: Answer<unknown>): Promise<void> {
    const watch = header(accepted, 'azure-asyncoperation');
    if (!watch)
      return;
    const address = new URL(watch);
    address.pathname += '/cancel';
    await this.fetch(address.toString(), { method: 'POST' });
  }

  private async bearer(): Promise<string> {
    if (typeof this.credential === 'function')
      return this.credential();
    if (this.token && Date.now() < this.token.ends)
      return this.token.text;
    const { tenantId, clientId, secret } = this.credential;
    const response = await fetch(`${this.endpoint}/${tenantId}/oauth2/v2.0/token`, {
      method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: secret, scope: `${this.endpoint}/.default` }),
    });
    const body = await response.json();
    if (!body.access_token)
      throw new ArmError(response.status, { code: body.error ?? 'AuthenticationFailed', message: body.error_description ?? 'No token was granted.' });
    // A minute early: the token must not end on the way.
    this.token = { text: body.access_token, ends: Date.now() + ((body.expires_in ?? 300) - 60) * 1000 };
    return this.token.text;
  }
}

const header = (answer: Answer<unknown>, name: string): string | undefined => Object.entries(answer.headers).find(([key]) => key.toLowerCase() === name)?.[1];

/** Seconds as the server asks, from one to thirty. */
const waitOf = (retryAfter: string | null): number => Math.min(Math.max(Number(retryAfter ?? 1) || 1, 1), 30) * 1000;

async function errorOf(response: Response): Promise<ArmErrorBody> {
  const text = await response.text();
  try {
    return JSON.parse(text).error ?? { code: String(response.status), message: text };
  } catch {
    return { code: String(response.status), message: text || response.statusText };
  }
}
