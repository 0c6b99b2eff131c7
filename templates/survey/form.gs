/*
 * Builds the survey as a Google Form.
 * 1. Sign in with the account that shall keep the answers and open https://script.google.com (New project).
 * 2. Paste this whole file in place of what stands there, save, and press Run (function build). Allow it to make forms.
 * 3. The log shows two addresses: one to edit the form, one to send round. Answer it once yourself, then delete that answer.
 *
 * Settings > Responses, in an anonymous survey: "Collect email addresses" off (this script does that), "Limit to 1
 * response" off and, in Google Workspace, "Restrict to users in your organisation" off: both make people sign in.
 * Do not link a spreadsheet that others can open. Later: Responses > Download responses (.csv), put it into the
 * engagement's data folder, then delete the responses here. The file stays until the date that the notice names.
 *
 * FORM holds the words of the survey as data; nothing in it is run.
 */
const FORM = __FORM__;

function build() {
  const form = FormApp.create(FORM.title);
  form.setTitle(FORM.title).setDescription(FORM.description).setConfirmationMessage(FORM.thanks);
  form.setCollectEmail(false).setLimitOneResponsePerUser(false).setAllowResponseEdits(false);
  form.setPublishingSummary(false).setShowLinkToRespondAgain(false).setShuffleQuestions(false).setProgressBar(true);
  FORM.items.forEach(function (item) { ADD[item.type](form, item); });
  Logger.log('Edit: ' + form.getEditUrl());
  Logger.log('Send round: ' + form.getPublishedUrl());
}

const ADD = {
  page: function (form, item) {
    form.addPageBreakItem().setTitle(item.title).setHelpText(item.help);
  },
  choice: function (form, item) {
    form.addMultipleChoiceItem().setTitle(item.title).setChoiceValues(item.columns).setRequired(item.required);
  },
  grid: function (form, item) {
    const grid = form.addGridItem().setTitle(item.title).setHelpText(item.help);
    grid.setRows(item.rows).setColumns(item.columns);
    if (item.once) {
      grid.setValidation(FormApp.createGridValidation().requireLimitOneResponsePerColumn().build());
    }
  },
  number: function (form, item) {
    const rule = FormApp.createTextValidation().setHelpText(item.help).requireNumberBetween(item.low, item.high).build();
    form.addTextItem().setTitle(item.title).setHelpText(item.help).setValidation(rule);
  },
  name: function (form, item) {
    form.addTextItem().setTitle(item.title).setRequired(true);
  },
  comment: function (form, item) {
    form.addParagraphTextItem().setTitle(item.title);
  },
};
