// Starts the language server of Session-Buddy for the files that agents read, and has two commands of its own.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate(context) {
  const settings = vscode.workspace.getConfiguration("sessionBuddy");
  const run = { command: settings.get("command"), args: ["lsp"] };
  const files = ["SKILL.md", "AGENTS.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md"];
  client = new LanguageClient("sessionBuddy", "Session-Buddy", { run, debug: run }, {
    documentSelector: files.map((name) => ({ scheme: "file", pattern: `**/${name}` })),
  });
  context.subscriptions.push(
    vscode.commands.registerCommand("sessionBuddy.recommendHere", recommendHere),
    vscode.commands.registerCommand("sessionBuddy.show", show),
  );
  return client.start();
}

async function recommendHere() {
  const editor = vscode.window.activeTextEditor;
  const found = await client.sendRequest("workspace/executeCommand", {
    command: "sessionBuddy.recommend",
    arguments: [editor ? editor.document.uri.toString() : null],
  });
  const items = found.map((one) => ({ label: one.skill, detail: one.why }));
  const chosen = await vscode.window.showQuickPick(items, { title: "Recommended skills here" });
  if (chosen) await vscode.env.clipboard.writeText(chosen.label);
}

function show(skill) {
  const server = vscode.workspace.getConfiguration("sessionBuddy").get("server");
  const path = skill ? `/skills/${encodeURIComponent(skill)}` : "/catalog";
  return vscode.env.openExternal(vscode.Uri.parse(server + path));
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
