// A document service of AX 2012 on the `soap` package: its WSDL and schemas are those that a real AIF printed, and what they
// mean, reading requests and writing replies is the package's own. What the operations do is said here, and the namespaces
// of replies, which the package does not look up in schemas.
// Usage: node ax_documents.js PACKAGES SERVICE, the latter a file of JSON: wsdl (a path), port, service, document, entity,
// lines, key, records. Prints its address as one line of JSON and ends with its standard input.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { createRequire } = require("node:module");

const [packages, described] = process.argv.slice(2);
const soap = createRequire(path.join(packages, "package.json"))("soap");
const { wsdl, port, service, document, entity, lines, key, records } = JSON.parse(fs.readFileSync(described, "utf8"));

const DYNAMICS = "http://schemas.microsoft.com/dynamics";
const within = (place, content) => ({ attributes: { xmlns: `${DYNAMICS}/${place}` }, ...content });
const held = new Map(records.map((record) => [record[key], { record, changedAt: 0 }]));
let lastId = Math.max(...records.flatMap((each) => [each, ...(each[lines] ?? [])]).map((each) => Number(each.RecId)));

function fault(code, Message, Field) {
  const list = { Document: document, FaultMessageArray: { FaultMessage: { Code: code, Message } }, Field, Service: service };
  const AifFault = within("2008/01/documents/Fault", { FaultMessageListArray: { FaultMessageList: list }, XppExceptionType: 3 });
  const faultstring = "Request Failed. See the Exception Log for details.";
  return { Fault: { faultcode: "s:Client", faultstring, detail: { AifFault }, statusCode: 500 } };
}

const many = (each) => [each ?? []].flat();
const versions = ({ record }) => [record, ...many(record[lines])].map((each) => `${each.RecId}.${each.RecVersion}`).join("|");
const fields = ({ attributes, _DocumentHash, [lines]: _, ...rest }) => rest;
const entityKey = (Value) => within("2006/02/documents/EntityKey", { KeyData: { KeyField: { Field: key, Value } } });
const keyList = (keys) => within("2006/02/documents/EntityKeyList", { EntityKey: keys.map(entityKey) });
const keysOf = (list) => many(list.EntityKey).map(({ KeyData }) => many(KeyData.KeyField)[0].Value);
const added = (each) => ({ ...fields(each), RecId: String((lastId += 1)), RecVersion: "1" });
const changed = (from, to) => ({ ...from, ...fields(to), RecVersion: String(Number(from.RecVersion) + 1) });

function standing(each) {
  if (!held.has(each)) throw fault("NotFound", `The record ${each} was not found in ${entity}.`, key);
  return held.get(each);
}

const shown = (each) => ({
  attributes: { class: "entity" },
  _DocumentHash: versions(each),
  ...each.record,
  ...(lines && { [lines]: many(each.record[lines]).map((line) => ({ attributes: { class: "entity" }, ...line })) }),
});

const documents = (each) => ({ [document]: within(`2008/01/documents/${document}`, { [entity]: each.map(shown) }) });

const OPERATORS = {
  Equal: (one, other) => one === other,
  NotEqual: (one, other) => one !== other,
  Greater: (one, other) => one > other,
  GreaterOrEqual: (one, other) => one >= other,
};

// Criteria are joined by "or", as AIF's documentation says.
function found({ QueryCriteria }) {
  const criteria = many(QueryCriteria?.CriteriaElement);
  if (criteria.some((each) => each.DataSourceName !== entity)) throw fault("InvalidDataSource", "no such data source");
  const fits = ({ record }) =>
    criteria.some((each) => OPERATORS[each.Operator](String(record[each.FieldName] ?? ""), String(each.Value1 ?? "")));
  return [...held.values()].filter(fits);
}

function page({ Bookmark, PageSize }, since) {
  const rest = [...held.values()]
    .filter((each) => each.changedAt >= since && Number(each.record.RecId) > Number(Bookmark ?? 0))
    .sort((one, other) => Number(one.record.RecId) - Number(other.record.RecId));
  const part = rest.slice(0, Number(PageSize));
  const next = rest.length > part.length && { Bookmark: part.at(-1).record.RecId };
  const EntityKeyList = keyList(part.map((each) => each.record[key]));
  const DocumentPaging = within("2011/02/documents/DocumentPaging", { ...next, PageSize });
  const content = { EntityKeyList, DocumentPaging, PageStatus: "Success", PageStatusDetails: "None" };
  return { EntityKeyPage: within("2011/02/documents/EntityKeyPage", content) };
}

function changedLines(before, given) {
  const known = new Map(before.map((line) => [line.RecId, line]));
  for (const each of given) {
    const action = each.attributes?.action;
    if (action === "create") {
      const made = added(each);
      known.set(made.RecId, made);
    } else if (!known.has(each.RecId)) throw fault("NotFound", `The record ${each.RecId} was not found in ${lines}.`);
    else if (action === "delete") known.delete(each.RecId);
    else known.set(each.RecId, changed(known.get(each.RecId), each));
  }
  return [...known.values()];
}

function changedDocument(each, given) {
  if (given.attributes?.action !== "update") throw fault("Replaced", "only partial updates are made here");
  if (given._DocumentHash !== versions(each)) throw fault("DocumentHashMismatch", "The document has been changed since it was read.");
  const record = changed(each.record, given);
  if (lines) record[lines] = changedLines(many(each.record[lines]), many(given[lines]));
  return { record, changedAt: Date.now() };
}

const operations = {
  find: (asked) => documents(found(asked)),
  findKeys: (asked) => ({ EntityKeyList: keyList(found(asked).map((each) => each.record[key])) }),
  read: ({ EntityKeyList }) => documents(keysOf(EntityKeyList).map(standing)),
  getKeys: ({ DocumentPaging }) => page(DocumentPaging, 0),
  getChangedKeys: ({ DocumentPaging, _changedDateTime }) => page(DocumentPaging, Number(_changedDateTime)),
  create({ [document]: given }) {
    const made = many(given[entity]).map((each) => {
      if (each.VendAccount === "BLOCKED") throw fault("VendorOnHold", "Vendor account BLOCKED is on hold.", "VendAccount");
      const record = added(each);
      record[key] ??= `AX${record.RecId}`;
      if (lines) record[lines] = many(each[lines]).map(added);
      return record;
    });
    for (const record of made) held.set(record[key], { record, changedAt: Date.now() });
    return { EntityKeyList: keyList(made.map((record) => record[key])) };
  },
  update({ EntityKeyList, [document]: given }) {
    const keys = keysOf(EntityKeyList);
    const documents = many(given[entity]).map((each, number) => changedDocument(standing(keys[number]), each));
    documents.forEach((each, number) => held.set(keys[number], each));
    return {};
  },
  delete({ EntityKeyList }) {
    const keys = keysOf(EntityKeyList);
    keys.forEach(standing);
    keys.forEach((each) => held.delete(each));
    return {};
  },
};

const root = "/MicrosoftDynamicsAXAif60";
const files = path.dirname(wsdl);
const server = http.createServer((request, response) => {
  // What the WSDL imports lies beside it.
  const wanted = path.join(files, path.basename(request.url));
  if (!request.url.startsWith(`${root}/${port}/`) || !fs.existsSync(wanted)) response.statusCode = 404;
  response.end(response.statusCode === 404 ? "" : fs.readFileSync(wanted));
});
server.listen(0, "127.0.0.1", () => {
  const options = {
    path: `${root}/${port}/xppservice.svc`,
    uri: wsdl,
    xml: fs.readFileSync(wsdl, "utf8"),
    services: { RoutingService: { [`BasicHttpBinding_${service}`]: operations } },
    // The package's own would read decimals as doubles.
    customDeserializer: { decimal: String },
    callback: (error, { wsdl: { definitions } }) => {
      if (error) throw error;
      // AX's WSDL has a port without operations at the same address, before the service's; the package takes the first.
      delete definitions.services.RoutingService.ports.serviceEndpoint;
      process.stdout.write(`${JSON.stringify({ root: `http://127.0.0.1:${server.address().port}${root}` })}\n`);
    },
  };
  soap.listen(server, options);
});
process.stdin.on("end", () => process.exit(0)).resume();
