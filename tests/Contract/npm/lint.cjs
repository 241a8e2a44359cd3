// Lints Swagger documents with ARM's own rules: node lint.cjs FILE...; one JSON line per finding.
'use strict';
const path = require('path');
const fs = require('fs');
const { Spectral, Document } = require('@stoplight/spectral-core');
const Parsers = require('@stoplight/spectral-parsers');
const { httpAndFileResolver } = require('@stoplight/spectral-ref-resolver');
const published = require('@microsoft.azure/openapi-validator-rulesets/dist/spectral/az-arm.js');

// Rules carry keys of Azure's own pipeline, which Spectral refuses.
const known = ['description', 'message', 'severity', 'given', 'then', 'formats', 'resolved', 'documentationUrl', 'recommended', 'tags', 'type', 'enabled', 'extensions'];
const source = (published.default ?? published).rules;
const rules = Object.fromEntries(Object.entries(source)
  .map(([name, rule]) => [name, typeof rule === 'object' ? Object.fromEntries(Object.entries(rule).filter(([key]) => known.includes(key))) : rule]));

// Azure itself runs these on trial only; they block no specification.
const onTrial = Object.entries(source).filter(([, rule]) => rule.stagingOnly).map(([name]) => name);

// Where a rule contradicts what is served on purpose: the rules, where, and why.
const exceptions = [
  [['AvoidAdditionalProperties'], /labels|nodeImages|addOns|parameters|metadata|outputs/i, 'maps whose names the user, or a cluster, chooses'],
  [['GetResponseCodes'], /operationResults/, 'the result of a DELETE is 204 (ARM RPC, asynchronous operations)'],
  [['RepeatedPathInfo'], /ScopeParameter/, "role assignments show their scope, as Azure's do"],
  [['PutResponseCodes'], /Microsoft\.Quota/, 'a quota is always there: setting it creates nothing'],
  [['PathContainsResourceType', 'EvenSegmentedPathForPutOperation', 'PathForTrackedResourceTypes'], /^paths\.\/(subscriptions|tenants|providers)(\/\{\w+\})?(\/(resourceGroups|providers)(\/\{\w+\}(\/resources)?)?|\/resources|\/locations|\/tagNames)?$/,
    'subscriptions, groups, namespaces and tenants are above all resource types'],
  [['PutResponseCodes', 'PutGetPatchResponseSchema', 'XmsResourceInPutResponse'], /^paths\.\/subscriptions\/\{subscriptionId\}(\.put)?$/, 'the lifecycle of subscriptions is as the ARM RPC has it'],
  [['PutResponseCodes', 'PutRequestResponseSchemeArm', 'DeleteResponseCodes', 'ConsistentPatchProperties', 'PatchBodyParametersSchema'], /tags\/default|TagsPatch/, "tags of a scope are written as Azure's clients write them"],
  [['PathContainsResourceType', 'NoDuplicatePathsForScopeParameter', 'PutRequestResponseSchemeArm', 'PathForTrackedResourceTypes', 'TrackedExtensionResourcesAreNotAllowed'], /\/deployments\//,
    'deployments are where Azure has them, with the location it keeps them in; a template is sent and a deployment is shown'],
  [['ParametersInPost', 'PathForResourceAction', 'PostResponseCodes'], /policyStates\/latest/, "policy states are asked for as Azure's clients ask"],
  [['ParametersInPost'], /clusterResourcePlacementName\}\/drift/, 'what has drifted is filtered and paged as policy states are'],
  [['XMSSecretInResponse'], /skipToken|sortingLabelKey|topologyKey/, 'the mark of a page and the key of a label are no secrets'],
  [['XmsPageableForListCalls', 'GetCollectionOnlyHasValueAndNextLink'], /clusterResourcePlacementName\}\/render|Rendered|fleetName\}\/insights\.|InsightsShown/, 'the manifests as one member has them, and a scorecard, are one answer, not a collection'],
  [['PathForNestedResource'], /fleetName\}\/insights\//, 'what stands behind a scorecard is below it'],
];

const isExcepted = found => onTrial.includes(found.code) || exceptions.some(([names, where]) => names.includes(found.code) && where.test(found.path.join('.')));

(async () => {
  for (const file of process.argv.slice(2)) {
    const spectral = new Spectral({ resolver: httpAndFileResolver });
    spectral.setRuleset({ rules });
    const document = new Document(fs.readFileSync(file, 'utf8'), Parsers.Json, path.resolve(file));
    for (const found of (await spectral.run(document)).filter(found => !isExcepted(found))) {
      console.log(JSON.stringify({ file: path.basename(file), rule: found.code, isError: found.severity === 0, message: found.message, path: found.path.join('.') }));
    }
  }
})().catch(failure => { console.error(failure); process.exit(2); });
