// Validates recorded traffic against the Swagger documents: node traffic.cjs SWAGGER_DIRECTORY TRAFFIC_FILE...; prints one JSON report.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { LiveValidator } = require('oav/dist/lib/liveValidation/liveValidator');

// Not faults of the contract: clients that read and then write send read-only properties back, and the front door takes them when they are unchanged.
const allowed = new Set(['READONLY_PROPERTY_NOT_ALLOWED_IN_REQUEST']);

// oav looks an operation up by the namespace in the path, so one whose path ends in any namespace is given a name for it.
const anyProvider = '/providers/{resourceProviderNamespace}';
const named = '/providers/Microsoft.Resources';

function copy(from) {
  const to = fs.mkdtempSync(path.join(os.tmpdir(), 'swagger-'));
  fs.cpSync(from, to, { recursive: true });
  for (const file of fs.readdirSync(to).filter(name => name.endsWith('.json'))) {
    const document = JSON.parse(fs.readFileSync(path.join(to, file)));
    for (const at of Object.keys(document.paths).filter(at => at.endsWith(anyProvider))) {
      const item = document.paths[at];
      delete document.paths[at];
      Object.values(item).forEach(operation => { operation.parameters = operation.parameters.filter(parameter => !parameter.$ref?.endsWith('/ResourceProviderNamespaceParameter')); });
      document.paths[at.replace(anyProvider, named)] = item;
    }
    fs.writeFileSync(path.join(to, file), JSON.stringify(document));
  }
  return to;
}

const isUnknown = result => String(result.requestValidationResult.runtimeException?.code).startsWith('OPERATION_NOT_FOUND');

(async () => {
  const [source, ...files] = process.argv.slice(2);
  const directory = copy(source);
  const documents = fs.readdirSync(directory).filter(name => name.endsWith('.json')).map(name => JSON.parse(fs.readFileSync(path.join(directory, name))));
  const version = documents[0].info.version;
  const operations = new Set(documents.flatMap(document => Object.values(document.paths).flatMap(item => Object.values(item).map(operation => operation.operationId))));
  const validator = new LiveValidator({ directory: path.resolve(directory), swaggerPathsPattern: ['*.json'], git: { shouldClone: false }, loadValidatorInBackground: false, loadValidatorInInitialize: true }, () => {});
  await validator.initialize();
  const covered = new Set();
  const violations = [];
  let pairs = 0;
  for (const line of files.flatMap(file => fs.readFileSync(file, 'utf8').split('\n')).filter(Boolean)) {
    const pair = JSON.parse(line);
    const status = Number(pair.liveResponse.statusCode);
    // Namespaces that Azure owns are served in many versions of one shape; the documents say it once.
    pair.liveRequest.url = pair.liveRequest.url.replace(/([?&]api-version=)[^&]*/, `$1${version}`).replace(/^((\/subscriptions\/[^/?]+)?)\/providers\/[^/?]+\?/, `$1${named}?`);
    pairs++;
    let result = await validator.validateLiveRequestResponse(pair);
    // The tenant is the empty scope, which oav does not take for one.
    if (isUnknown(result) && pair.liveRequest.url.startsWith('/providers/')) {
      pair.liveRequest.url = '/tenant' + pair.liveRequest.url;
      result = await validator.validateLiveRequestResponse(pair);
    }
    const { requestValidationResult: asked, responseValidationResult: answered, runtimeException } = result;
    covered.add(asked.operationInfo?.operationId);
    const say = (side, errors) => errors.filter(error => !allowed.has(error.code)).forEach(error => violations.push({
      operation: asked.operationInfo?.operationId, side, status, code: error.code, message: error.message, at: error.jsonPathsInPayload ?? [], url: pair.liveRequest.url, method: pair.liveRequest.method,
    }));
    // A request that was refused need not keep the contract; the refusal must.
    if (status < 400)
      say('request', [...asked.errors, ...[asked.runtimeException].filter(Boolean)]);
    // An answer to HEAD never has a body, not even an error's.
    // And an address that nobody promised is refused: that is no operation.
    const isPromised = status < 400 || !isUnknown(result);
    if (isPromised && (status < 400 || pair.liveRequest.method !== 'HEAD'))
      // What has no body has no type: the result of a resource group's deletion is an empty 200.
      say('response', [...answered.errors.filter(error => error.code !== 'INVALID_CONTENT_TYPE' || pair.liveResponse.body !== null), ...[answered.runtimeException, runtimeException].filter(Boolean)]);
  }

  fs.rmSync(directory, { recursive: true });
  console.log(JSON.stringify({ pairs, operations: [...operations].sort(), uncovered: [...operations].filter(id => !covered.has(id)).sort(), violations }, null, 1));
})().catch(failure => { console.error(failure); process.exit(2); });
