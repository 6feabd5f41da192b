/* page.js - the events of /api/events -> the page. What nodes say reaches the page as text only: textContent. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
"use strict";

const SAMPLES = 300;
const QUIET_MS = 6000; /* events come every second */
const nodes = new Map(); /* id -> node, as /api has it */
const rows = new Map();  /* id -> the elements of its row */
let samples = Array(SAMPLES).fill(0), counts = {}, boxes = [];
let filter = "all", search = "", open_id = 0, heard = 0, behind_ms = 0, drawing = false;

const $ = id => document.getElementById(id);
const is_on_the_way = node => ["firmware", "stage1", "clone", "starts"].includes(node.phase);
const is_odd = node => node.phase !== "failed" && Boolean(node.silent || node.slow || node.suspect);

const filters = [
	["all", "all", () => true],
	["failed", "failed", node => node.phase === "failed"],
	["silent", "silent", node => node.silent],
	["slow", "slow", node => node.slow],
	["doubtful", "doubtful", node => Boolean(node.suspect)],
	["way", "on the way", is_on_the_way],
	["up", "up", node => node.phase === "up"],
];

function element(tag, name, parent) {
	const e = document.createElement(tag);

	e.className = name;
	if (parent)
		parent.append(e);
	return e;
}

/* Only what changed is written: 400 rows stay quick. */
function set_text(e, text) {
	if (e.textContent !== text)
		e.textContent = text;
}

/* ---- words */

function time_words(ms) {
	const s = Math.max(0, ms) / 1000, two = n => String(Math.floor(n)).padStart(2, "0");

	if (s < 60)
		return s.toFixed(1) + " s";
	return s < 3600 ? Math.floor(s / 60) + ":" + two(s % 60) : Math.floor(s / 3600) + " h " + two(s / 60 % 60);
}

const now_there = () => Date.now() - behind_ms;
const took = node => node.began ? (node.ended || now_there()) - node.began : 0;
const title_of = node => node.name || node.address || node.mac;

function phase_words(node) {
	const steps = node.step && (node.phase === "stage1" || node.phase === "failed" || node.phase === "clone");

	return steps ? `${node.step}/${node.steps} ${node.step_name}` : node.phase;
}

function remark(node) {
	const parts = [];

	if (node.phase === "failed")
		parts.push(`${node.code || ""} ${node.title || ""}`.trim());
	if (node.silent)
		parts.push(`silent for ${time_words(now_there() - node.seen)}`);
	if (node.slow)
		parts.push("slow");
	if (node.suspect)
		parts.push(node.suspect);
	if (node.dropped)
		parts.push(`${node.dropped} messages too many`);
	parts.push(node.words);
	return parts.filter(Boolean).join(" \u00b7 ");
}

/* ---- the list */

/* As the head sorts: failures, silent and doubtful ones, slow ones, those on the way, the others. */
function rank(node) {
	if (node.phase === "failed")
		return 0;
	if (node.silent || node.suspect)
		return 1;
	return node.slow ? 2 : { stage1: 3, clone: 3, firmware: 3, starts: 4, dhcp: 5, new: 6 }[node.phase] ?? 7;
}

const collator = new Intl.Collator("en", { numeric: true });

function order(a, b) {
	return rank(a) - rank(b) || collator.compare(title_of(a), title_of(b)) || a.id - b.id;
}

function make_row(node) {
	const row = element("div", "node", null);
	const part = { row };

	row.tabIndex = 0;
	row.setAttribute("role", "button");
	part.name = element("span", "name", row);
	part.phase = element("span", "phase", row);
	part.fill = element("div", "fill", element("div", "bar", row));
	part.rate = element("span", "number rate", row);
	part.took = element("span", "number", row);
	part.words = element("span", "words", row);
	row.addEventListener("click", () => open_detail(node.id));
	row.addEventListener("keydown", event => {
		if (event.key === "Enter")
			open_detail(node.id);
	});
	rows.set(node.id, part);
	return part;
}

function fill_row(node) {
	const part = rows.get(node.id) || make_row(node);
	const whole = node.phase === "up" || node.phase === "starts";
	const way = node.phase === "stage1" || node.phase === "clone";

	part.row.className = `node ${node.phase}${is_odd(node) ? " odd" : ""}`;
	set_text(part.name, title_of(node));
	set_text(part.phase, phase_words(node));
	part.fill.style.width = `${whole ? 100 : Math.max(0, node.percent)}%`;
	set_text(part.rate, way ? rate_words(node.rate) : "");
	set_text(part.took, time_words(took(node)));
	set_text(part.words, remark(node));
	return part.row;
}

function is_shown(node) {
	const [, , fits] = filters.find(([name]) => name === filter);

	return fits(node) && (!search || [node.name, node.address, node.mac, node.node_id, node.words, node.code].some(
		text => text && text.toLowerCase().includes(search)));
}

function fill_list() {
	const list = $("list"), shown = [...nodes.values()].filter(is_shown).sort(order);
	let at = list.firstElementChild;

	for (const node of shown) {
		const row = fill_row(node);

		if (row === at)
			at = at.nextElementSibling;
		else
			list.insertBefore(row, at);
	}
	while (at) {
		const next = at.nextElementSibling;

		at.remove();
		at = next;
	}
	$("none").hidden = shown.length > 0;
}

function make_filters() {
	for (const [name, words] of filters) {
		const button = element("button", name, $("filters"));

		button.type = "button";
		button.append(element("b", "", null), ` ${words}`);
		button.addEventListener("click", () => {
			filter = name;
			draw();
		});
	}
}

function fill_filters() {
	[...$("filters").children].forEach((button, i) => {
		const [name, , fits] = filters[i];

		set_text(button.firstChild, String([...nodes.values()].filter(fits).length));
		button.setAttribute("aria-pressed", String(name === filter));
	});
}

/* ---- one node */

function steps_words(node) {
	const lines = [];

	for (let i = 0; i < Math.max(node.steps || 0, node.step || 0); i++) {
		const ms = node.step_ms[i], now = i + 1 === node.step;
		let state = ms !== undefined ? `ok  ${time_words(ms).padStart(8)}` : "";

		if (now && node.phase === "failed")
			state = "FAILED";
		else if (now && ms === undefined && is_on_the_way(node))
			state = node.percent >= 0 ? `${node.percent} %  ${rate_words(node.rate)}` : "...";
		lines.push(`[${i + 1}/${node.steps || "?"}] ${(node.step_names[i] || "").padEnd(10)} ${state}`);
	}
	return lines.join("\n") || "stage1 has said nothing yet";
}

function fill_detail() {
	const node = nodes.get(open_id);

	$("detail").hidden = !node;
	if (!node)
		return;
	set_text($("d-name"), title_of(node));
	set_text($("d-facts"), [node.address, node.mac, node.node_id && `node ${node.node_id}`, node.phase,
		`${time_words(took(node))} in this boot`, `${node.boots} boots`, `${node.failures} failed`,
		node.parent && `fetches from ${node.parent}`].filter(Boolean).join(" \u00b7 "));
	$("d-failure").hidden = node.phase !== "failed";
	set_text($("d-code"), node.code || "");
	set_text($("d-title"), node.title || "");
	set_text($("d-hint"), node.hint ? `Try: ${node.hint}` : "");
	$("d-suspect").hidden = !node.suspect;
	set_text($("d-suspect"), node.suspect);
	set_text($("d-steps"), steps_words(node));
}

async function fill_log() {
	const id = open_id;
	let lines = [];

	try {
		lines = await (await fetch(`api/nodes/${id}/log`)).json();
	} catch {
		return; /* the head is away; the page says so */
	}
	if (id === open_id)
		set_text($("d-log"), lines.map(([at, , text]) => `${new Date(at).toLocaleTimeString("en-GB")}  ${text}`)
			.join("\n") || "nothing");
}

function open_detail(id) {
	open_id = id;
	set_text($("d-log"), "");
	fill_detail();
	fill_log();
	$("close").focus();
}

function close_detail() {
	open_id = 0;
	$("detail").hidden = true;
}

/* ---- all of it */

function draw_now() {
	const all = [...nodes.values()], chain = all.filter(node => node.parent);

	drawing = false;
	fill_filters();
	fill_list();
	fill_detail();
	set_text($("rate"), rate_words(counts.rate || 0));
	set_text($("chain-words"), chain.length ? `Who fetches from whom: ${chain.length} nodes`
		: `How much each has: ${all.length} nodes`);
	draw_plot($("plot"), samples);
	boxes = draw_chain($("chain"), (chain.length ? chain : all).sort((a, b) => collator.compare(title_of(a),
		title_of(b))));
	document.title = counts.failed ? `${counts.failed} failed, ${all.length} nodes` : `${all.length} nodes`;
}

/* At most once for each picture of the screen. */
function draw() {
	if (!drawing)
		requestAnimationFrame(draw_now);
	drawing = true;
}

function take(message) {
	heard = Date.now();
	behind_ms = heard - message.now;
	show_link();
	counts = message.counts;
	if (message.all) {
		const there = new Set(message.nodes.map(node => node.id));

		samples = message.rates;
		for (const id of nodes.keys()) {
			if (!there.has(id)) {
				nodes.delete(id);
				rows.get(id)?.row.remove();
				rows.delete(id);
			}
		}
	} else {
		samples = samples.concat(message.rates).slice(-SAMPLES);
	}
	for (const node of message.nodes)
		nodes.set(node.id, node);
	if (message.nodes.some(node => node.id === open_id))
		fill_log();
	draw();
}

function show_link() {
	const lost = Date.now() - heard > QUIET_MS;

	$("link").className = lost ? "lost" : "";
	set_text($("link"), lost ? "no word from the head node" : "live");
}

function start() {
	const events = new EventSource("api/events");

	events.addEventListener("message", event => take(JSON.parse(event.data)));
	make_filters();
	$("search").addEventListener("input", () => {
		search = $("search").value.toLowerCase();
		draw();
	});
	$("close").addEventListener("click", close_detail);
	document.addEventListener("keydown", event => {
		if (event.key === "Escape")
			close_detail();
	});
	$("chain").addEventListener("click", event => {
		const hit = boxes.find(box => event.offsetX >= box.x && event.offsetX <= box.x + box.size &&
			event.offsetY >= box.y && event.offsetY <= box.y + box.size);

		if (hit)
			open_detail(hit.node.id);
	});
	window.addEventListener("resize", draw);
	setInterval(() => {
		show_link();
		draw();
	}, 1000);
}

start();
