export default () => 'good morning';
